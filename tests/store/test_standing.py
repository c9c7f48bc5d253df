"""Verdicts and aliases against a registry of bare versions, without bundles."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from projects import inside
from rapport.contracts.errors import ArtifactError
from rapport.contracts.params import Registry
from rapport.store.connection import connected
from rapport.store.registry import DIGEST, Standing, check_standing, passed_by

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's and its dependencies' own

REGISTRY = Registry()


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator:
    """A new store with an empty model."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with inside(tmp_path), connected() as found:
        found.create_registered_model(REGISTRY.model)
        yield found


def standing(bundle, iteration=1, champion=None, look=1, outcome="proof"):
    verdict = {"bundle": bundle, "champion": champion, "look": look, "outcome": outcome, "unbeaten": [], "data": {},
               "promoted": outcome != "no_proof"}  # fmt: skip
    return Standing("simulated", iteration, verdict, "Judged.")


def test_the_verdict_on_another_bundle_is_refused(client):
    check_standing(client, REGISTRY, "ours", standing("ours"))
    with pytest.raises(ArtifactError, match=r"expected the verdict on the bundle ours; got one on the bundle theirs\. "
                                            r".*dvc repro"):  # fmt: skip
        check_standing(client, REGISTRY, "ours", standing("theirs"))


def champion_of(client, digest, iteration, champion=None):
    """Register a version and make it champion; return its number."""
    tags = {DIGEST: digest, **standing(digest, iteration, champion).tags}
    number = client.create_model_version(REGISTRY.model, "file:///nowhere", tags=tags).version
    client.set_registered_model_alias(REGISTRY.model, REGISTRY.alias, number)
    return str(number)


def test_a_champion_that_the_verdict_did_not_compare_with_keeps_its_alias(client):
    champion_of(client, "first", 1)
    assert passed_by(client, REGISTRY, "9", standing("new", 2, "first")) == ""
    second = champion_of(client, "second", 2, "first")
    rerun, twin, older = standing("second", 2, "first"), standing("twin", 2, "first", 2), standing("old", 1, None, 3)
    for each in (twin, older):
        assert passed_by(client, REGISTRY, "9", each).startswith(
            "The champion stays: version 2, of iteration 2, is not"
        )
    assert passed_by(client, REGISTRY, second, rerun) == ""  # published again
    assert passed_by(client, REGISTRY, "9", standing("new", 3, "second", 3)) == ""
