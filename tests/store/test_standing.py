"""Verdicts and aliases against a registry of bare versions, without bundles."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from projects import inside
from rapport.contracts.errors import ArtifactError
from rapport.contracts.params import Registry
from rapport.store.connection import connected
from rapport.store.registry import DIGEST, Standing, check_standing

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
