"""The registered model's versions as champions and challengers: which one an iteration has to beat, and the aliases.

Every version is tagged with source, iteration, verdict, look and the digest of the champion it was judged against. The
champion of an iteration is the one that decided before it: the alias, or, where a bundle of this very iteration holds
the alias already, the champion that one was judged against. So a second run of an iteration is judged as the first.
"""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..contracts.errors import ArtifactError
from ..contracts.params import Registry
from .connection import connected, tracking_uri
from .looks import COUNTED, count_looks, count_old_looks, counted_looks, noted_looks, number_of, spends_error
from .standing import CHAMPION, DIGEST, ITERATION, LOOK_KEY, PROMOTED_BY, SOURCE, VERDICT, Standing, check_verdict

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion


BY_HAND = "rapport publish --promote"


@dataclass(frozen=True)
class Registered:
    """What the registry says of a bundle.

    Attributes:
        version: its version; None where it is not registered.
        aliases: the version that each alias of the model names, in the order of the aliases.
        against: in a sentence, where the champion is another than the gate's verdict alone would have; else empty.
    """

    version: str | None
    aliases: Mapping[str, str]
    against: str = ""


def fetch_champion(registry: Registry, source: str, iteration: int, folder: Path) -> tuple[str | None, list[str]]:
    """Copy the bundle of the champion that an iteration has to beat into `folder`, which holds no other afterwards.

    Returns:
        its digest, None where there is none, and the keys of the looks so far, those noted here included, in order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for stale in [path for path in folder.glob("*") if path.name != "README.md"]:
        stale.unlink()
    if _no_store_yet():
        return None, []
    with connected() as client:
        versions = _versions(client, registry)
        champion = _champion(client, registry, versions, source, iteration)
        if champion is not None:
            _copy_bundle(registry, champion, folder)
        return None if champion is None else champion.tags[DIGEST], _looks(client, registry, versions, source)


def registered(registry: Registry, standing: Standing) -> Registered:
    """Return what the registry says of the bundle that was judged; without a store, nothing.

    Raises:
        InputError: the store does not answer, or refuses to.
    """
    if _no_store_yet():
        return Registered(None, {})
    with connected() as client:
        return _registered(client, registry, standing)


def check_standing(client: "MlflowClient", registry: Registry, digest: str, standing: Standing) -> None:
    """Refuse what `check_verdict` does, and a verdict against another champion or look than the registry's.

    Raises:
        ArtifactError: it is one.
    """
    check_verdict(standing.verdict, digest, standing.gate)
    versions = _versions(client, registry)
    champion = _champion(client, registry, versions, standing.source, standing.iteration)
    look = number_of(standing.verdict["look_key"], _looks(client, registry, versions, standing.source))
    expected = ("" if champion is None else champion.tags[DIGEST], look)
    given = (standing.verdict["champion"] or "", standing.verdict["look"])
    if expected != given:
        raise ArtifactError("data/gate/verdict.json", _told(expected), _told(given),
                            "run `rapport challenge`, then `dvc repro`")  # fmt: skip


def record_standing(client: "MlflowClient", registry: Registry, number: str, run_id: str, standing: Standing) -> None:
    """Count the look, and let the tags of version and run tell the verdict that is in force."""
    if spends_error(standing.verdict):
        count_looks(client, registry, standing.source, [standing.verdict["look_key"]])
    known = client.get_model_version(registry.model, number).tags
    for name, value in standing.tags.items():
        if known.get(name) != value:
            client.set_model_version_tag(registry.model, number, name, value)
            client.set_tag(run_id, name, value)


def against_verdict(client: "MlflowClient", registry: Registry, number: str, standing: Standing,
                    by_hand: bool = False) -> str:  # fmt: skip
    """Return in a sentence what the champion's alias follows instead of the verdict on a version; "" if the verdict.

    Args:
        by_hand: people make it champion just now.
    """
    proven = standing.verdict["promoted"]
    holds = by_hand or str(client.get_registered_model(registry.model).aliases.get(registry.alias)) == number
    if holds and PROMOTED_BY in client.get_model_version(registry.model, number).tags:
        return f"Version {number} is champion{'' if proven else ' all the same,'} by people's word (`{BY_HAND}`)."
    if proven:
        return passed_by(client, registry, number, standing)
    return f"Version {number} is champion all the same, by an earlier verdict." if holds else ""


def passed_by(client: "MlflowClient", registry: Registry, number: str, standing: Standing) -> str:
    """Return in a sentence why a verdict of promotion cannot move the champion's alias from its holder; "" if it can.

    A champion of a later iteration, or another one of this iteration, is not what the verdict compared the bundle with.
    """
    holder = str(client.get_registered_model(registry.model).aliases.get(registry.alias))
    found = next((each for each in _versions(client, registry) if str(each.version) == holder), None)
    if found is None or holder == number or found.tags.get(SOURCE) != standing.source:
        return ""
    if int(found.tags[ITERATION]) < standing.iteration:
        return ""
    return (f"The champion stays: version {holder}, of iteration {found.tags[ITERATION]}, is not what this was judged "
            f"against; `{BY_HAND}` replaces it by people's word.")  # fmt: skip


def point_aliases(client: "MlflowClient", registry: Registry, number: str, promoted: bool) -> str:
    """Point an alias at a version and return it: the champion's, or the challenger's for one that has no proof.

    A version that people made champion by hand stays so.
    """
    aliases = client.get_registered_model(registry.model).aliases
    if not promoted and str(aliases.get(registry.alias)) != number:
        client.set_registered_model_alias(registry.model, registry.challenger, number)
        return registry.challenger
    client.set_registered_model_alias(registry.model, registry.alias, number)
    if str(aliases.get(registry.challenger)) == number:
        client.delete_registered_model_alias(registry.model, registry.challenger)
    return registry.alias


def _registered(client: "MlflowClient", registry: Registry, standing: Standing) -> Registered:
    versions, digest = _versions(client, registry), standing.verdict["bundle"]
    if not versions:
        return Registered(None, {})
    aliases = client.get_registered_model(registry.model).aliases
    mine = next((str(each.version) for each in versions if each.tags.get(DIGEST) == digest), None)
    against = "" if mine is None else against_verdict(client, registry, mine, standing)
    return Registered(mine, {name: str(aliases[name]) for name in sorted(aliases)}, against)


def _no_store_yet() -> bool:
    uri = tracking_uri()
    return uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists()


def _versions(client: "MlflowClient", registry: Registry) -> list["ModelVersion"]:
    found = client.search_model_versions(f"name = '{registry.model}'")
    return sorted(found, key=lambda each: int(each.version))


def _champion(client: "MlflowClient", registry: Registry, versions: Sequence["ModelVersion"], source: str,
              iteration: int) -> "ModelVersion | None":  # fmt: skip
    """Return the version that decided before an iteration; one of another source, or without tags, is no champion."""
    if not versions:
        return None
    number = str(client.get_registered_model(registry.model).aliases.get(registry.alias))
    by_digest = {each.tags.get(DIGEST): each for each in versions}
    found = next((each for each in versions if str(each.version) == number), None)
    while found is not None and found.tags.get(SOURCE) == source and int(found.tags[ITERATION]) >= iteration:
        found = by_digest.get(found.tags[CHAMPION])
    return found if found is not None and found.tags.get(SOURCE) == source else None


def _looks(client: "MlflowClient", registry: Registry, versions: Sequence["ModelVersion"], source: str) -> list[str]:
    """Return the looks so far, once those of versions of old, and what is noted here, are counted too."""
    if not versions:
        return []
    mine = {str(each.version): each.tags for each in versions if each.tags.get(SOURCE) == source}
    old = {number: tags for number, tags in mine.items() if tags.get(VERDICT) in COUNTED and LOOK_KEY not in tags}
    count_old_looks(client, registry, source, {number: tags[DIGEST] for number, tags in old.items()})
    count_looks(client, registry, source, noted_looks(source))
    return counted_looks(client, registry, source)


def _copy_bundle(registry: Registry, champion: "ModelVersion", folder: Path) -> None:
    import mlflow

    with tempfile.TemporaryDirectory() as place:
        uri = f"models:/{registry.model}/{champion.version}/artifacts/bundle"
        bundle = mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=place)
        for path in Path(bundle).iterdir():
            shutil.copyfile(path, folder / path.name)


def _told(standing: tuple[str, int]) -> str:
    champion, look = standing
    return f"one against {f'the champion {champion[:12]}' if champion else 'no champion'}, look {look}"
