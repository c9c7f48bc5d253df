"""Verdicts and aliases against a registry of bare versions, without bundles."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from projects import inside
from rapport.contracts.errors import ArtifactError
from rapport.contracts.params import Gate, Registry
from rapport.store.connection import connected
from rapport.store.looks import (
    count_looks,
    count_old_looks,
    counted_looks,
    look_key,
    note_look,
    noted_looks,
    spends_error,
)
from rapport.store.registry import check_standing, passed_by, record_standing
from rapport.store.standing import DIGEST, LOOK_KEY, Standing

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
               "promoted": outcome != "no_proof", "params": Gate().model_dump(),
               "look_key": look_key(bundle, champion, 0.0, Gate())}  # fmt: skip
    return Standing("simulated", iteration, verdict, "Judged.", Gate())


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


def test_a_verdict_under_other_params_is_refused(client):
    given = standing("ours")
    check_standing(client, REGISTRY, "ours", given)
    with pytest.raises(
        ArtifactError, match=r"params.yaml, gate: \{'error': 0.2.*; got one under \{'error': 0.05.*dvc repro"
    ):
        check_standing(client, REGISTRY, "ours", replace(given, gate=Gate(error=0.2)))


def test_what_was_judged_counts_though_it_was_not_published(client):
    champion_of(client, "first", 1)
    tried, shown = standing("tried", 2, "first"), standing("shown", 2, "first")
    for each in (tried, shown):  # as the gate does, twice in a row without challenge or publish between
        note_look("simulated", each.verdict["look_key"])
    with pytest.raises(
        ArtifactError, match=r"against the champion first, look 2; got .*, look 1\. .*rapport challenge"
    ):
        check_standing(client, REGISTRY, "shown", shown)
    check_standing(client, REGISTRY, "shown", standing("shown", 2, "first", look=2))
    check_standing(client, REGISTRY, "tried", tried)  # the first that was judged is the first look, whenever published


def test_another_error_is_another_look_and_a_noted_one_is_none(client):
    asked = ((0.0, Gate()), (0.5, Gate()), (0.0, Gate(error=0.2)), (0.0, Gate(unsupported=0.5)), (0.0, Gate(power=0.9)))
    keys = [look_key("ours", "first", *each) for each in asked]
    assert len(set(keys)) == 4
    assert keys[4] == keys[0]  # power decides nothing
    for key in (*keys, keys[1]):
        note_look("simulated", key)
    note_look("files", keys[2])
    assert noted_looks("simulated") == keys[:4]
    assert noted_looks("files") == [keys[2]]
    count_looks(client, REGISTRY, "simulated", [keys[1], keys[0], keys[1]])
    count_looks(client, REGISTRY, "simulated", keys)
    assert counted_looks(client, REGISTRY, "simulated") == [keys[1], keys[0], keys[2], keys[3]]
    assert counted_looks(client, REGISTRY, "files") == []


def test_a_version_judged_anew_tells_the_verdict_in_force(client):
    run = client.create_run(client.create_experiment("tried")).info.run_id
    before = standing("ours", 2, "first", outcome="no_proof")
    number = client.create_model_version(
        REGISTRY.model, "file:///nowhere", tags={DIGEST: "ours", **before.tags}
    ).version
    record_standing(client, REGISTRY, str(number), run, before)
    assert client.get_run(run).data.tags.get("rapport.verdict") is None  # nothing to tell anew
    record_standing(client, REGISTRY, str(number), run, standing("ours", 2, "first", look=2))
    tags = client.get_model_version(REGISTRY.model, number).tags
    told = client.get_run(run).data.tags
    assert (tags["rapport.verdict"], tags["rapport.look"], told["rapport.look"]) == ("proof", "2", "2")
    assert len(counted_looks(client, REGISTRY, "simulated")) == 1
    check_standing(client, REGISTRY, "first", standing("first", 1, look=2, outcome="first"))  # spends nothing
    record_standing(client, REGISTRY, str(number), run, standing("first", 1, look=2, outcome="first"))
    assert len(counted_looks(client, REGISTRY, "simulated")) == 1


def test_a_version_registered_before_looks_had_keys_stays_counted(client):
    run = client.create_run(client.create_experiment("tried")).info.run_id
    champion_of(client, "first", 0)
    before = {DIGEST: "ours", **standing("ours", 1, "first", outcome="no_proof").tags}
    tags = {name: value for name, value in before.items() if name != LOOK_KEY}
    number = client.create_model_version(REGISTRY.model, "file:///nowhere", tags=tags).version
    anew = standing("ours", 1, "first", look=2, outcome="no_proof")
    for _ in range(2):  # published, and published again
        check_standing(client, REGISTRY, "ours", anew)
        record_standing(client, REGISTRY, str(number), run, anew)
    assert counted_looks(client, REGISTRY, "simulated") == ["ours", anew.verdict["look_key"]]


def test_old_looks_come_before_keys_that_are_counted_already(client):
    count_looks(client, REGISTRY, "simulated", ["new"])
    for _ in range(2):
        count_old_looks(client, REGISTRY, "simulated", {"2": "older", "10": "old"})
    count_looks(client, REGISTRY, "simulated", ["newer"])
    assert counted_looks(client, REGISTRY, "simulated") == ["older", "old", "new", "newer"]


@pytest.mark.parametrize(
    ("outcome", "reason", "spends"),
    [("proof", "", True), ("no_proof", "", True), ("no_proof", "it cannot say", False), ("first", "", False)],
)
def test_where_proof_was_out_of_reach_no_error_is_spent(outcome: str, reason: str, spends: bool) -> None:
    assert spends_error({"outcome": outcome, "champion_reason": reason}) is spends
