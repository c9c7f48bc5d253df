"""MLflow: one run and one registered version per bundle, found again by the model digest.

Tracking is where MLFLOW_TRACKING_URI says, else an SQLite file in the project's root; telemetry is off. A model holds
text, JSON and Python source, no pickle.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..contracts.errors import ArtifactError, InputError
from ..contracts.params import Registry
from .bundle import PACKAGE, bundle_code_digest, code_digest, shipped_code
from .connection import connected, tracking_uri, without_credentials
from .registry import against_verdict, check_standing, point_aliases, record_standing
from .standing import DIGEST, PROMOTED_BY, Standing

if TYPE_CHECKING:
    from mlflow import MlflowClient

REQUIREMENTS = ("mlflow", "lightgbm", "numpy", "pandas", "pyarrow", "pydantic", "scikit-learn", "scipy")


@dataclass(frozen=True)
class Published:
    """Where a bundle stands in the registry, whether this call put it there, and the verdict in a sentence or two."""

    name: str
    version: str
    alias: str
    run_id: str
    new: bool
    reason: str


@dataclass(frozen=True)
class Record:
    """What goes into the run beside the bundle: flat params and metrics, files by artifact folder, and the verdict."""

    digest: str
    standing: Standing
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    files: Mapping[str, Path]


def publish(bundle: Path, record: Record, example: pd.DataFrame, registry: Registry,
            by_hand: bool = False) -> Published:  # fmt: skip
    """Put a bundle into the registry and point the alias of its verdict at it; one that is there is only tagged anew.

    Args:
        bundle: the bundle's folder.
        record: params, metrics and files of the run.
        example: some rows of the population's features, from which the model's signature is made.
        registry: experiment, model name and aliases.
        by_hand: make it champion whatever the verdict; a tag tells so.

    Raises:
        ArtifactError: the code has changed since the bundle was made, or registry or params since the verdict was
            given, or the verdict is on another bundle.
    """
    if bundle_code_digest(bundle) != code_digest():
        raise ArtifactError(
            str(bundle), "a bundle made by the present code", "one made by other code", "run `dvc repro`"
        )
    with connected() as client:
        check_standing(client, registry, record.digest, record.standing)
        found = client.search_model_versions(f"name = '{registry.model}' and tags.`{DIGEST}` = '{record.digest}'")
        if found:
            number, run_id = found[0].version, found[0].run_id
        else:
            number, run_id = _log(client, bundle, record, example, registry)
        if by_hand:
            client.set_model_version_tag(registry.model, str(number), PROMOTED_BY, "hand")
        check_standing(client, registry, record.digest, record.standing)  # logging took its time
        against = against_verdict(client, registry, str(number), record.standing, by_hand)
        told = replace(record.standing, reason=f"{record.standing.reason} {against}".strip())
        record_standing(client, registry, str(number), str(run_id), told)
        promoted = record.standing.verdict["promoted"] and not against
        alias = point_aliases(client, registry, str(number), by_hand or promoted)
        return Published(registry.model, str(number), alias, str(run_id), not found, told.reason)


def load_registered(uri: str) -> tuple[Any, str]:
    """Return a registered model and its resolved address, `models:/name/version`; an alias is resolved once.

    Raises:
        InputError: there is no such model.
    """
    with connected() as client:
        import mlflow
        from mlflow.exceptions import MlflowException

        try:
            resolved = _resolve(client, uri)
            return mlflow.pyfunc.load_model(resolved), resolved
        except MlflowException as fault:
            fix = "publish the model first (`make repro`), or correct the address"
            store, got = without_credentials(tracking_uri()), without_credentials(str(fault))
            raise InputError(f"--model {uri}", f"a model registered at {store}", got, fix) from None


def answer(model: Any, request: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return what a registered model answers to a request.

    Raises:
        InputError: the request does not have the model's columns, or their types, or the model itself refuses it.
    """
    from mlflow.exceptions import MlflowException

    try:
        answered: pd.DataFrame = model.predict(request)
    except MlflowException as fault:
        got = str(fault).rpartition("Error: ")[2][:300]
        fix = "give the population table that the featurize stage of this model's project writes"
        raise InputError(where, "the columns and types the model was made for", got, fix) from None
    except Exception as fault:
        if not _is_refusal(fault):
            raise
        told: Any = fault  # the attributes of InputError
        raise InputError(f"{where}, {told.where}", told.expected, told.got, told.fix) from None
    return answered


def _is_refusal(fault: Exception) -> bool:
    """Return whether a fault is an InputError of the code that a model carries, another class than ours."""
    names = {f"{each.__module__.partition('.')[2]}.{each.__qualname__}" for each in type(fault).__mro__}
    return f"{InputError.__module__.partition('.')[2]}.{InputError.__qualname__}" in names


def _resolve(client: "MlflowClient", uri: str) -> str:
    name, at, alias = uri.removeprefix("models:/").partition("@")
    if not uri.startswith("models:/") or not at:
        return uri
    return f"models:/{name}/{client.get_model_version_by_alias(name, alias).version}"


def _log(client: "MlflowClient", bundle: Path, record: Record, example: pd.DataFrame,
         registry: Registry) -> tuple[str, str]:  # fmt: skip
    import mlflow

    tags = {DIGEST: record.digest, **record.standing.tags}
    experiment = client.get_experiment_by_name(registry.experiment)
    experiment_id = (
        experiment.experiment_id if experiment else client.create_experiment(registry.experiment, _artifacts())
    )
    with mlflow.start_run(experiment_id=experiment_id, run_name=record.digest[:12], tags=tags) as run:
        mlflow.log_params(dict(record.params))
        mlflow.log_metrics(dict(record.metrics))
        for folder, path in record.files.items():
            mlflow.log_artifact(str(path), folder)
        with tempfile.TemporaryDirectory() as folder:
            package = _ship_code(Path(folder))
            script = Path(folder) / "model.py"
            template = (PACKAGE / "store" / "registered_model.tmpl").read_text(encoding="utf-8")
            script.write_text(Template(template).substitute(package=package.name), encoding="utf-8")
            with _importable(package):  # MLflow runs the script once while it logs it
                info = mlflow.pyfunc.log_model(
                    name="model",
                    python_model=str(script),
                    artifacts={"bundle": str(bundle)},
                    code_paths=[str(package)],
                    signature=_signature(example),
                    pip_requirements=[f"{name}=={version(name)}" for name in REQUIREMENTS],
                )
    if not client.search_registered_models(f"name = '{registry.model}'"):
        client.create_registered_model(registry.model)
    made = client.create_model_version(registry.model, info.model_uri, run.info.run_id, tags=tags)
    return made.version, run.info.run_id


def _artifacts() -> str | None:
    """Return where a local store keeps artifacts; a server decides for itself."""
    uri = tracking_uri()
    return (Path(uri.removeprefix("sqlite:///")).parent / "mlartifacts").as_uri() if uri.startswith("sqlite:") else None


def _ship_code(folder: Path) -> Path:
    """Copy the code that decides into a package named by its hash."""
    package = folder / f"rapport_{code_digest()[:12]}"
    for name in shipped_code():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PACKAGE / name, package / name)
    return package


@contextmanager
def _importable(package: Path) -> Iterator[None]:
    """Put a package on the import path for a while and forget it afterwards, its files being temporary."""
    sys.path.insert(0, str(package.parent))
    try:
        yield
    finally:
        sys.path.remove(str(package.parent))
        for name in [name for name in sys.modules if name.partition(".")[0] == package.name]:
            del sys.modules[name]


def _signature(example: pd.DataFrame) -> Any:
    """Declare features as double, since integers cannot be missing, or as text; all of them may be missing."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema, TensorSpec

    needed = ("stakeholder_id", "as_of", "iteration", "opted_out", "kind", "retention_value")
    specs = [ColSpec(_type(dtype), str(name), required=name in needed) for name, dtype in example.dtypes.items()]
    return ModelSignature(inputs=Schema(list[ColSpec | TensorSpec](specs)))


def _type(dtype: Any) -> str:
    if pd.api.types.is_bool_dtype(dtype):
        return "boolean"
    if pd.api.types.is_integer_dtype(dtype):  # the iteration, a key: MLflow turns no integer but 0 and 1 into a double
        return "long"
    if pd.api.types.is_numeric_dtype(dtype):
        return "double"
    return "datetime" if pd.api.types.is_datetime64_any_dtype(dtype) else "string"
