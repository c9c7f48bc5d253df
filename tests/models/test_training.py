"""A training's bundle, and out-of-fold predictions in which no stakeholder's own outcome has a say."""

import json

import numpy as np
import pandas as pd
import pytest

from rapport.contracts.errors import InputError
from rapport.contracts.params import Params, parse_params
from rapport.models.churn_baselines import LOGISTIC_REGRESSION, RULE, SINGLE_FEATURE
from rapport.models.churn_rows import LEAST_LEARNT, decided_arms
from rapport.models.training import Rows, Trained, train

N, DECIDED = 500, 900
FEATURES = [("plan", "category"), ("use", "value"), ("age", "days")]
NAMES = ("none", "call", "mail")
BASELINES = (SINGLE_FEATURE, LOGISTIC_REGRESSION)  # these snapshots have no history to be silent in


def params(**changes: object) -> Params:
    return parse_params({
        "seed": 3,
        "threads": 1,
        "source": {"kind": "files"},
        "clock": {"as_of": "2025-01-01", "horizon_days": 90},
        "outcome": {"churn": {"event": "churned"}, "value": {}, "retention_value": 40.0},
        "interventions": {"control": "none", "arms": {"call": {"cost": 5.0}, "mail": {"cost": 1.0}}},
        "learner": {"rounds": 15, "learning_rate": 0.1, "leaves": 7, "min_leaf_rows": 25, "folds": 3},
        **changes,
    })  # fmt: skip


def features(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    return pd.DataFrame({
        "plan": pd.array(np.array(["free", "pro", "team"], dtype=object)[rng.integers(0, 3, rows)], dtype="str"),
        "use": rng.normal(size=rows),
        "age": rng.exponential(100.0, rows),
    })  # fmt: skip


def tables(instants: int = 3) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return decisions and snapshots; some stakeholders of the snapshots had a contact."""
    rng = np.random.default_rng(0)
    snapshots = pd.concat([
        features(rng, N).assign(stakeholder_id=[f"s{i}" for i in range(N)],
                                as_of=pd.Timestamp("2024-01-01", tz="UTC") + pd.Timedelta(days=90 * at),
                                contacts=(rng.random(N) < 0.1).astype("int64"))
        for at in range(instants)
    ], ignore_index=True)  # fmt: skip
    snapshots["churned"] = rng.random(len(snapshots)) < 0.2 + 0.3 * (snapshots["use"] < 0)
    snapshots["money"] = np.where(snapshots["churned"], 5.0, 20.0 + 3.0 * snapshots["use"])
    arm = rng.integers(0, 3, DECIDED)
    decisions = features(rng, DECIDED).assign(
        decision_id=[f"d{i}" for i in range(DECIDED)],
        stakeholder_id=[f"s{i % N}" for i in range(DECIDED)],
        as_of=snapshots["as_of"].iloc[:DECIDED],
        kind="customer",
        arm=pd.array(np.array(NAMES, dtype=object)[arm], dtype="str"),
        propensity=np.where(np.arange(DECIDED) % 5 == 0, np.nan, 1 / 3),
        iteration=np.where(np.arange(DECIDED) < N, 1, 2),
        money=rng.normal(10, 3, DECIDED) + 4.0 * (arm == 1),
    )
    decisions["churned"] = rng.random(DECIDED) < 0.3
    return decisions, snapshots


def trained(decisions: pd.DataFrame, snapshots: pd.DataFrame, **changes: object) -> Trained:
    eligible = np.ones((len(decisions), 3), dtype=bool)
    return train(Rows(decisions, snapshots, FEATURES, eligible), params(**changes), lambda line: None)


@pytest.fixture(scope="module")
def before() -> Trained:
    return trained(*tables())


PREDICTED = [f"{what}_{arm}" for what in ("mu", "effect", "effect_se") for arm in NAMES] + ["churn_risk"]


def test_a_stakeholders_own_outcome_does_not_change_its_out_of_fold_prediction(before: Trained) -> None:
    """Every outcome of one stakeholder is turned round; what was predicted of it stays the same to the last bit."""
    decisions, snapshots = tables()
    chosen = "s7"
    mine, own = decisions["stakeholder_id"] == chosen, snapshots["stakeholder_id"] == chosen
    decisions.loc[mine, "money"] = 5000.0
    decisions.loc[mine, "churned"] = ~decisions.loc[mine, "churned"]
    snapshots.loc[own, "churned"] = ~snapshots.loc[own, "churned"]
    after = trained(decisions, snapshots)
    assert mine.sum() == 2
    for old, new in ((before.uplift_rows, after.uplift_rows), (before.churn_rows, after.churn_rows)):
        columns = PREDICTED if "fold" in old else ["churn_risk", "logistic_regression"]
        rows = old["stakeholder_id"] == chosen
        assert rows.any()
        pd.testing.assert_frame_equal(old.loc[rows, columns], new.loc[rows, columns], check_exact=True)
        learned = [name for name in columns if not name.startswith("effect") or not name.endswith("none")]
        assert (old.loc[~rows, learned] != new.loc[~rows, learned]).any().all(), "the change must reach the others"
    rule = ["best_single_feature", RULE]
    rows = before.churn_rows["stakeholder_id"] == chosen
    pd.testing.assert_frame_equal(before.churn_rows.loc[rows, rule], after.churn_rows.loc[rows, rule], check_exact=True)


def test_that_nobody_left_is_told() -> None:
    decisions, snapshots = tables()
    for leavers in (snapshots["churned"], snapshots["churned"] & (snapshots["contacts"] > 0)):
        told: list[str] = []
        rows = Rows(decisions.head(0), snapshots.assign(churned=leavers), FEATURES, np.ones((0, 3), dtype=bool))
        risk = train(rows, params(), told.append).bundle.churn
        warned = [line for line in told if line.startswith("warning: nobody without an intervention churned")]
        assert len(warned) == (risk.booster is None and risk.linear is None)
    assert len(warned) == 1


@pytest.mark.parametrize("one_per", ["home", None])
def test_nor_does_the_outcome_of_someone_of_the_same_household(one_per: str | None) -> None:
    """s6 and s7 share a home: what comes of one has no say in what is predicted of the other, but without `one_per`."""
    decisions, snapshots = (
        table.assign(home=table["stakeholder_id"].str[1:].astype(int) // 2) for table in tables()
    )  # fmt: skip
    before = trained(decisions, snapshots, decision={"one_per": one_per})
    assert (before.uplift_rows.groupby(decisions["home"])["fold"].nunique() == 1).all() == (one_per is not None)
    mate = "s6"
    decisions.loc[decisions["stakeholder_id"] == mate, ["money", "churned"]] = [5000.0, True]
    own = snapshots["stakeholder_id"] == mate
    snapshots.loc[own, "churned"] = ~snapshots.loc[own, "churned"]
    after = trained(decisions, snapshots, decision={"one_per": one_per})
    for old, new in ((before.uplift_rows, after.uplift_rows), (before.churn_rows, after.churn_rows)):
        rows, columns = old["stakeholder_id"] == "s7", PREDICTED if "fold" in old else ["churn_risk"]
        assert rows.any()
        assert old.loc[rows, columns].equals(new.loc[rows, columns]) == (one_per is not None)


def test_a_stakeholder_is_in_one_fold_and_its_fold_mates_are_not_moved_either(before: Trained) -> None:
    rows = before.uplift_rows
    assert (rows.groupby("stakeholder_id")["fold"].nunique() == 1).all()
    assert set(rows["fold"]) == {0, 1, 2}
    decisions, snapshots = tables()
    decisions.loc[rows["fold"] == 1, "money"] += 1000.0
    after = trained(decisions, snapshots).uplift_rows
    same = (after["mu_call"] == rows["mu_call"]).to_numpy()
    assert same[rows["fold"] == 1].all()
    assert not same[rows["fold"] != 1].any()


def test_the_out_of_fold_table_carries_what_was_logged(before: Trained) -> None:
    decisions, _ = tables()
    rows = before.uplift_rows
    assert list(rows["decision_id"]) == list(decisions["decision_id"])
    assert rows["value"].to_numpy() == pytest.approx(decisions["money"] + 40.0 * (1 - decisions["churned"]))
    np.testing.assert_array_equal(np.array(NAMES)[rows["arm"]], decisions["arm"])
    known = decisions["propensity"].notna()
    np.testing.assert_array_equal(rows["propensity_logged"], known)
    assert (rows.loc[known, "propensity"] == 1 / 3).all()
    assert rows.loc[~known, "propensity"].between(0.1, 0.7).all()
    assert rows[PREDICTED].notna().all(axis=None)
    assert (rows[["effect_none", "effect_se_none"]] == 0).all(axis=None)


def test_the_log_counts_by_iteration_and_arm(before: Trained) -> None:
    decisions, snapshots = tables()
    untouched = snapshots[snapshots["contacts"] == 0]
    known = decided_arms(snapshots, decisions, NAMES) >= 0
    log = json.loads(json.dumps(before.log))
    size = {"rounds": 15, "learning_rate": 0.1, "leaves": 5, "min_leaf_rows": 25}
    assert log["churn"] == {"rows": len(untouched), "churned": int(untouched["churned"].sum()),
                            "rows_of_other_arms": int(known.sum()) - len(untouched),
                            "split": "later time and other stakeholders", "search": [],
                            "calibration": before.bundle.churn.calibrator.kind,
                            "learner": size}  # fmt: skip
    assert log["uplift"]["rows"] == DECIDED
    assert log["uplift"]["by_iteration"] == {"1": N, "2": DECIDED - N}
    assert log["uplift"]["by_arm"] == {name: int((decisions["arm"] == name).sum()) for name in NAMES}
    assert log["uplift"]["propensity_estimated"] == DECIDED // 5


def test_without_decisions_there_is_churn_risk_and_no_uplift() -> None:
    decisions, snapshots = tables()
    said: list[str] = []
    rows = Rows(decisions.iloc[:0], snapshots, FEATURES, np.ones((0, 3), dtype=bool))
    result = train(rows, params(), said.append)
    assert result.bundle.uplift is None
    assert result.uplift_rows.empty
    assert result.log["uplift"] == {"rows": 0, "by_iteration": {}, "by_arm": dict.fromkeys(NAMES, 0),
                                    "propensity_estimated": 0}  # fmt: skip
    assert any("0 logged decisions" in line for line in said)
    predicted = result.bundle.predict(snapshots)
    assert (predicted.effect[:, 0] == 0).all()
    assert np.isnan(predicted.effect[:, 1:]).all()
    assert np.isnan(predicted.effect_se[:, 1:]).all()
    assert predicted.churn_risk.std() > 0.05


@pytest.mark.parametrize("rows", [1, 2, 29])
def test_a_handful_of_decisions_is_too_few_to_learn_from(rows: int) -> None:
    decisions, snapshots = tables()
    result = trained(decisions.iloc[:rows], snapshots)
    assert result.bundle.uplift is None
    assert result.uplift_rows.empty


def test_decisions_of_one_stakeholder_cannot_be_judged_by_others() -> None:
    decisions, snapshots = tables()
    assert trained(decisions.head(60).assign(stakeholder_id="s0"), snapshots).bundle.uplift is None


def test_snapshots_that_all_had_an_intervention_are_refused() -> None:
    decisions, snapshots = tables()
    with pytest.raises(InputError, match="snapshots to learn churn from: expected stakeholders without"):
        trained(decisions, snapshots.assign(contacts=1))


@pytest.mark.parametrize("rows", [30, 40])
def test_few_decisions_train_and_know_no_effect(rows: int) -> None:
    decisions, snapshots = tables()
    result = trained(decisions.iloc[:rows], snapshots)
    assert result.bundle.uplift is not None
    assert result.bundle.uplift.effects == (None, None)
    assert len(result.uplift_rows) == rows
    assert result.uplift_rows[["effect_call", "effect_se_mail"]].isna().all(axis=None)
    assert result.uplift_rows[["mu_none", "churn_risk"]].notna().all(axis=None)


def test_snapshots_with_an_intervention_that_no_decision_explains_teach_nothing(before: Trained) -> None:
    decisions, snapshots = tables()
    touched = decided_arms(snapshots, decisions, NAMES) < 0
    assert touched.sum() > 50
    snapshots.loc[touched, "churned"] = True
    after = trained(decisions, snapshots)
    assert after.bundle.churn.as_files() == before.bundle.churn.as_files()
    snapshots.loc[~touched, "churned"] = np.arange((~touched).sum()) % 2 == 0
    assert trained(decisions, snapshots).bundle.churn.as_files() != before.bundle.churn.as_files()


def test_whom_a_policy_seldom_left_alone_counts_more_in_the_risk_under_the_control() -> None:
    """Likelihoods that are all alike, whatever they are, leave the risk as it is to the last bit."""
    decisions, snapshots = tables()
    seldom = np.where(decisions["use"] > 0, 0.9, 0.2)
    third, half, aimed = (
        trained(decisions.assign(propensity=each), snapshots).bundle.churn for each in (1 / 3, 0.5, seldom)
    )
    assert third.as_files() == half.as_files()
    assert third.as_files() != aimed.as_files()


def test_the_latest_snapshot_is_predicted_from_earlier_ones(before: Trained) -> None:
    decisions, snapshots = tables()
    latest = snapshots["as_of"] == snapshots["as_of"].max()
    assert (before.churn_rows["as_of"] == snapshots["as_of"].max()).all()
    assert len(before.churn_rows) == (latest & (snapshots["contacts"] == 0)).sum()
    snapshots.loc[latest, "churned"] = ~snapshots.loc[latest, "churned"]
    after = trained(decisions, snapshots)
    for name in ("churn_risk", *BASELINES, RULE):
        np.testing.assert_array_equal(after.churn_rows[name], before.churn_rows[name])
    np.testing.assert_array_equal(after.churn_rows["churned"], ~before.churn_rows["churned"])


def test_with_too_few_earlier_rows_the_same_instant_is_learned_from_and_the_log_says_so() -> None:
    decisions, snapshots = tables(instants=1)
    result = trained(decisions, snapshots)
    assert str(dict(result.log["churn"])["split"]).startswith("other stakeholders, same time")
    assert result.churn_rows[["churn_risk", *BASELINES, RULE]].notna().all(axis=None)
    assert len(snapshots) <= LEAST_LEARNT


def test_the_same_training_twice(before: Trained) -> None:
    again = trained(*tables())
    assert again.bundle.as_files() == before.bundle.as_files()
    assert again.log == before.log
    pd.testing.assert_frame_equal(again.uplift_rows, before.uplift_rows, check_exact=True)
    pd.testing.assert_frame_equal(again.churn_rows, before.churn_rows, check_exact=True)
    other = trained(*tables(), seed=4)
    assert other.bundle.as_files()["churn.txt"] != before.bundle.as_files()["churn.txt"]


def test_the_baselines_stand_beside_the_churn_risk(before: Trained) -> None:
    rows = before.churn_rows
    assert list(rows.columns) == ["stakeholder_id", "as_of", "churned", "churn_risk", "best_single_feature", RULE,
                                  "logistic_regression"]  # fmt: skip
    assert rows.dtypes[RULE] == "str"
    assert set(rows[RULE]) == {"use, lowest first"}
    assert np.corrcoef(rows["logistic_regression"], rows["churn_risk"])[0, 1] > 0.6


def test_a_rule_that_only_held_out_rows_know_is_not_found(before: Trained) -> None:
    """In the latest snapshot `age` tells all; the rules were learned from earlier ones."""
    decisions, snapshots = tables()
    latest = snapshots["as_of"] == snapshots["as_of"].max()
    snapshots.loc[latest, "age"] = np.where(snapshots.loc[latest, "churned"], 2.0, 1.0)
    found = trained(decisions.iloc[:0], snapshots, features={"allow": ["age"]}).churn_rows
    assert set(found[RULE]) == set(before.churn_rows[RULE])
    here = tables(instants=1)[1]
    here["age"] = np.where(here["churned"], 2.0, 1.0)
    assert set(trained(decisions.iloc[:0], here, features={"allow": ["age"]}).churn_rows[RULE]) == {
        "age, highest first"
    }


def planted(column: object, name: str = "status", unit: str = "value") -> Rows:
    decisions, snapshots = tables()
    snapshots[name] = column
    return Rows(decisions.iloc[:0], snapshots, [*FEATURES, (name, unit)], np.ones((0, 3), dtype=bool))


def churned() -> pd.Series:
    return tables()[1]["churned"]


@pytest.mark.parametrize(
    ("column", "unit"),
    [
        (churned(), "value"),
        (churned().map({True: "gone", False: "here"}), "category"),
        (300.0 - 9.0 * churned(), "days"),
    ],
)
def test_a_feature_that_is_the_outcome_is_refused_and_runs_where_it_is_allowed(column: pd.Series, unit: str) -> None:
    rows = planted(column, unit=unit)
    with pytest.raises(InputError, match="feature status: expected features known before the outcome"):
        train(rows, params(), lambda line: None)
    with pytest.raises(InputError, match="feature status: expected features known before the outcome"):
        train(rows, params(features={"allow": ["use"]}), lambda line: None)
    result = train(rows, params(features={"allow": ["status"]}), lambda line: None)
    risk = result.churn_rows.groupby("churned")["churn_risk"].mean()
    assert risk[True] > risk[False] + 0.5


def test_the_status_of_today_is_refused_although_earlier_snapshots_blur_it() -> None:
    """Who left by the end is marked in every snapshot: perfect in the latest one only."""
    _, snapshots = tables()
    last = snapshots[snapshots["as_of"] == snapshots["as_of"].max()].set_index("stakeholder_id")["churned"]
    status = snapshots["stakeholder_id"].map(last)
    assert (status == snapshots["churned"]).mean() < 0.8
    with pytest.raises(InputError, match=r"feature status: .* \(AUC 1\.000 on \d{3} snapshots\)"):
        train(planted(status), params(), lambda line: None)
    earlier = status.where(snapshots["as_of"] != snapshots["as_of"].max(), 0.0)
    train(planted(earlier.astype(float)), params(), lambda line: None)


def test_an_honest_feature_is_not_refused_however_good() -> None:
    noise = np.random.default_rng(5).normal(0, 0.4, len(churned()))
    result = train(planted(churned() + noise), params(), lambda line: None)
    assert set(result.churn_rows[RULE]) == {"status, highest first"}


def test_the_curve_is_judged_at_the_latest_snapshot_of_which_each_day_is_known() -> None:
    """Of 180 and 200 days the last snapshots know nothing yet; what stands in their outcomes cannot matter."""
    _, snapshots = tables()
    rng = np.random.default_rng(7)
    early = snapshots["churned"] & (rng.random(len(snapshots)) < 0.5)
    late = (snapshots["churned"] | (rng.random(len(snapshots)) < 0.2)).astype("boolean")
    snapshots["churned_by_30d"] = early
    for days, instants in ((180, 2), (200, 1)):
        over = snapshots["as_of"] < snapshots["as_of"].min() + pd.Timedelta(days=90 * instants)
        snapshots[f"churned_by_{days}d"] = late.where(over)
    clock = {"as_of": "2025-01-01", "horizon_days": 90, "curve_days": [30, 180, 200]}
    rows = Rows(tables()[0].iloc[:0], snapshots, FEATURES, np.ones((0, 3), dtype=bool))
    result = train(rows, params(clock=clock), lambda line: None)
    found = result.curve_rows
    untouched = snapshots[snapshots["contacts"] == 0]
    instants = sorted(untouched["as_of"].unique())
    for days, at in ((30, 2), (180, 1), (200, 0)):
        mine = found[found["days"] == days].set_index("stakeholder_id")
        here = untouched[untouched["as_of"] == instants[at]].set_index("stakeholder_id")
        assert (mine["as_of"] == instants[at]).all()
        assert set(mine.index) == set(here.index)
        assert (mine["churned"] == here.loc[mine.index, f"churned_by_{days}d"].astype(bool)).all()
        assert mine["churn_risk"].between(0, 1).all()
    month = found[found["days"] == 30].set_index("stakeholder_id")["churn_risk"]
    assert (month <= result.churn_rows.set_index("stakeholder_id")["churn_risk"].loc[month.index]).all()
    assert result.bundle.curve is not None
    assert sorted(result.bundle.curve.steps) == [30, 180, 200]
