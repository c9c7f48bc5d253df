"""One bundle: the same answers after a round trip, by arm name in any catalogue order, or a refusal."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rapport.contracts.errors import ArtifactError, InputError, ParamsError
from rapport.contracts.params import Params, parse_params
from rapport.models.bundle import Bundle, Predictions
from rapport.models.training import Rows, train
from rapport.store.bundle import read_bundle, write_bundle

ARMS = {"call": {"cost": 5.0}, "mail": {"cost": 1.0}, "visit": {"cost": 9.0}}
NAMES = ("none", *ARMS)
FEATURES = [("plan", "category"), ("use", "value")]
FILES = ("churn.json", "churn.txt", "curve.json", "curve_30.json", "curve_30.txt", "effects.json", "encoding.json",
         "manifest.json", "margin.json", "margin.txt", "outcomes.json", "params.json", "retention.txt",
         "size.txt")  # fmt: skip


def params(arms: dict[str, dict[str, float]] = ARMS, worth: float | str = 40.0) -> Params:
    return parse_params({
        "seed": 3,
        "threads": 1,
        "source": {"kind": "files"},
        "clock": {"as_of": "2025-01-01", "horizon_days": 90, "curve_days": [30]},
        "outcome": {"churn": {"event": "churned"}, "value": {"purchase": 0.1}, "retention_value": worth},
        "interventions": {"control": "none", "arms": arms},
        "learner": {"rounds": 15, "learning_rate": 0.1, "leaves": 7, "min_leaf_rows": 25, "folds": 2},
    })  # fmt: skip


def people(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    plans = np.array(["free", "pro", "team", None], dtype=object)
    return pd.DataFrame({
        "stakeholder_id": [f"s{i}" for i in range(rows)],
        "plan": pd.array(plans[rng.integers(0, 4, rows)], dtype="str"),
        "use": rng.normal(size=rows),
    })  # fmt: skip


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    """Arms whose effects lie far apart, on average 15, −10 and, from 20 decisions only, unknown."""
    rng = np.random.default_rng(0)
    n = 1000
    arm = rng.integers(0, 3, n)
    arm[:20] = 3
    table = people(n, 1)
    churned = rng.random(n) < 0.2 + 0.3 * (table["use"] < 0)
    snapshots = table.assign(
        as_of=pd.Timestamp("2024-06-01", tz="UTC"), contacts=0, churned=churned, money=rng.normal(9, 3, n),
        churned_by_30d=churned & (rng.random(n) < 0.5 + 0.3 * (table["use"] < -1)),
    )  # fmt: skip
    gained = np.array([0.0, 15.0, -10.0, 0.0])[arm] * (1 + 0.5 * table["use"])
    decisions = table.assign(
        decision_id=[f"d{i}" for i in range(n)],
        as_of=snapshots["as_of"],
        kind="customer",
        iteration=1,
        arm=np.array(NAMES, dtype=object)[arm],
        propensity=np.where(arm == 3, 0.02, 0.98 / 3),
        money=rng.normal(10, 3, n) + gained,
        churned=churned,
    )
    rows = Rows(decisions, snapshots, FEATURES, np.ones((n, 4), dtype=bool))
    return train(rows, params(), lambda line: None).bundle


@pytest.fixture
def folder(bundle: Bundle, tmp_path: Path) -> Path:
    write_bundle(tmp_path, bundle)
    return tmp_path


def same(a: Predictions, b: Predictions) -> bool:
    told = [{**vars(each), **each.success} for each in (a, b)]
    names = set(told[0]) - {"success"}
    return set(told[1]) - {"success"} == names and all(
        np.array_equal(told[0][name], told[1][name], equal_nan=True) for name in names
    )


def test_success_is_told_under_the_named_arms_where_a_cost_depends_on_it(bundle: Bundle) -> None:
    catalogue = bundle.params.interventions
    first, *others = catalogue.arms
    due = {name: arm.model_copy(update={"cost_on": "retained"} if name == first else {})
           for name, arm in catalogue.arms.items()}  # fmt: skip
    params = bundle.params.model_copy(update={"interventions": catalogue.model_copy(update={"arms": due})})
    found = replace(bundle, params=params).predict(people(300, 2))
    assert set(found.success) == {"retained"}
    assert found.success["retained"].shape == found.effect.shape
    backwards = {name: due[name] for name in (*reversed(others), first)}
    turned = params.model_copy(update={"interventions": catalogue.model_copy(update={"arms": backwards})})
    again = replace(bundle, params=turned).predict(people(300, 2)).success["retained"]
    np.testing.assert_array_equal(again[:, -1], found.success["retained"][:, 1])
    assert bundle.predict(people(3, 2)).success == {}


def test_the_effects_are_those_of_the_named_arms(bundle: Bundle) -> None:
    effect = bundle.predict(people(500, 2)).effect
    assert effect.shape == (500, 4)
    assert effect[:, 0].tolist() == [0.0] * 500
    assert effect[:, 1].mean() == pytest.approx(15.0, abs=4)
    assert effect[:, 2].mean() == pytest.approx(-10.0, abs=4)
    assert np.isnan(effect[:, 3]).all()


def test_writing_and_reading_give_the_same_bundle(bundle: Bundle, tmp_path: Path) -> None:
    digest = write_bundle(tmp_path, bundle)
    assert sorted(path.name for path in tmp_path.iterdir()) == list(FILES)
    again = read_bundle(tmp_path)
    assert again.digest == digest
    assert len(digest) == 64
    assert again.params == bundle.params
    assert again.params.interventions.names == NAMES
    assert again.encoding == bundle.encoding
    assert again.as_files() == bundle.as_files()
    assert same(again.predict(people(300, 3)), bundle.predict(people(300, 3)))
    assert write_bundle(tmp_path, again) == digest


def test_a_bundle_without_uplift_survives_too(bundle: Bundle, tmp_path: Path) -> None:
    write_bundle(tmp_path, replace(bundle, uplift=None))
    again = read_bundle(tmp_path)
    assert again.uplift is None
    predicted = again.predict(people(5, 3))
    np.testing.assert_array_equal(predicted.churn_risk, bundle.predict(people(5, 3)).churn_risk)
    assert np.isnan(predicted.effect[:, 1:]).all()
    assert (predicted.effect[:, 0] == 0).all()


@pytest.mark.parametrize("order", [("mail", "visit", "call"), ("visit", "mail", "call"), ("visit", "call", "mail")])
def test_the_order_of_the_catalogue_in_the_file_changes_nothing(
    bundle: Bundle, order: tuple[str, ...], tmp_path: Path
) -> None:
    permuted = replace(bundle, params=params({name: ARMS[name] for name in order}))
    assert permuted.params.interventions.names == ("none", *sorted(order))
    assert write_bundle(tmp_path / "a", permuted) == write_bundle(tmp_path / "b", bundle)
    assert same(read_bundle(tmp_path / "a").predict(people(200, 4)), bundle.predict(people(200, 4)))


def test_effects_of_a_model_that_knows_its_arms_in_another_order_keep_their_arm(bundle: Bundle) -> None:
    """As models do that were trained before catalogues stood by name."""
    assert bundle.uplift is not None
    turned = replace(bundle, uplift=replace(bundle.uplift, arms=("none", "visit", "mail", "call")))
    told, expected = turned.predict(people(200, 4)), bundle.predict(people(200, 4))
    for name, at in (("visit", 1), ("mail", 2), ("call", 3)):
        where = bundle.uplift.arms.index(turned.uplift.arms[at]) if turned.uplift else 0
        assert where > 0
        known = bundle.uplift.arms[at]
        np.testing.assert_array_equal(told.effect[:, NAMES.index(name)], expected.effect[:, NAMES.index(known)])


@pytest.mark.parametrize("name", [name for name in FILES if name != "manifest.json"])
def test_a_flipped_byte_in_any_file_is_refused(folder: Path, name: str) -> None:
    path = folder / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(ArtifactError, match=rf"{name}: expected content with sha256 .*; got other content"):
        read_bundle(folder)


def test_the_manifest_is_the_digest(bundle: Bundle, folder: Path) -> None:
    """Nothing lies above the manifest: its own hash is the model digest.

    A flipped byte of it is either a refusal or another digest, never the same bundle by name.
    """
    digest = read_bundle(folder).digest
    content = (folder / "manifest.json").read_bytes()
    for at in range(0, len(content), 37):
        changed = bytearray(content)
        changed[at] ^= 1
        (folder / "manifest.json").write_bytes(bytes(changed))
        try:
            other = read_bundle(folder).digest
        except ArtifactError:
            continue
        assert other != digest
    (folder / "manifest.json").write_bytes(content)
    assert read_bundle(folder).digest == digest


@pytest.mark.parametrize("name", FILES)
def test_an_absent_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ArtifactError, match=rf"{name}: expected a file of the bundle; got no file"):
        read_bundle(folder)


def test_params_are_checked_on_reading(bundle: Bundle) -> None:
    files = bundle.as_files()
    wrong = {**files, "params.json": {**dict(files["params.json"]), "seeds": 1}}
    with pytest.raises(ParamsError, match=r"bundle, params.json, seeds: expected no such key"):
        Bundle.from_files(wrong, "")
    assert Bundle.from_files(files, "").params == bundle.params


def test_params_of_a_run_are_the_bundles_but_for_those_it_does_not_hold(bundle: Bundle) -> None:
    document = bundle.params.model_dump(mode="json")
    alone = {"engine": "spark", "memory_gb": 2.5, "kpis": {"base_cost": 7.5}, "gate": {"power": 0.7}}
    mine = {**document, **alone, "source": {"kind": "files", "path": "here"}}
    stored = Bundle.from_files(bundle.as_files(), "")
    assert stored.params_of_run(parse_params({**mine, "seed": 99})) == parse_params(mine)


def test_one_row_alone_gets_the_same_answer_as_in_any_batch(bundle: Bundle) -> None:
    table = people(300, 5)
    whole = bundle.predict(table)
    for row in range(0, 300, 30):
        alone = bundle.predict(table.iloc[[row]])
        batch = bundle.predict(table.iloc[[299, row, 0, row]])
        for name in ("churn_risk", "effect", "effect_se"):
            expected = getattr(whole, name)[row]
            np.testing.assert_array_equal(getattr(alone, name)[0], expected)
            np.testing.assert_array_equal(getattr(batch, name)[1], expected)
            np.testing.assert_array_equal(getattr(batch, name)[3], expected)


def test_no_rows_get_no_answers(bundle: Bundle) -> None:
    predicted = bundle.predict(people(0, 1))
    assert predicted.churn_risk.shape == (0,)
    assert predicted.effect.shape == predicted.effect_se.shape == (0, 4)


def test_a_worth_of_each_row_decides_its_effects(bundle: Bundle) -> None:
    """The bundle's models know no worth: the table's column is as good as the number in params, row by row."""
    by_row, table = replace(bundle, params=params(worth="clv")), people(40, 5)
    assert same(by_row.predict(table.assign(retention_value=40.0)), bundle.predict(table))
    worth = np.where(np.arange(40) == 7, 4000.0, 40.0)
    effect, usual = by_row.predict(table.assign(retention_value=worth)).effect, bundle.predict(table).effect
    assert np.flatnonzero(((effect != usual) & ~np.isnan(usual)).any(axis=1)).tolist() == [7]
    with pytest.raises(InputError, match="column retention_value: expected what retention is worth"):
        by_row.predict(table)


def test_a_table_without_a_feature_is_refused(bundle: Bundle) -> None:
    with pytest.raises(InputError, match=r"feature table: expected the columns use; got a table without them"):
        bundle.predict(people(5, 1).drop(columns="use"))
