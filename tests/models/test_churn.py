"""Churn risk is a probability: calibrated where there is signal, a constant where there is none."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from rapport.contracts.errors import ArtifactError
from rapport.contracts.params import Learner
from rapport.models import churn, control_trees
from rapport.models.boosting import Training, booster_text, fit_booster, predict
from rapport.models.calibrators import Calibrator
from rapport.models.churn import ChurnModel, Decided, fit_churn
from rapport.models.churn_rows import inverse_weights
from rapport.models.control_trees import of_rounds
from rapport.models.drivers import churn_contributions
from rapport.models.linear_risk import STRICTER, fit_control_risks
from rapport.worlds.trial import TRIAL_CATEGORIES, Trial, draw_trial

TRAINING = Training(Learner(rounds=60, leaves=7, min_leaf_rows=40), seed=5, threads=1, category_indexes=())


def population(rows: int, seed: int, signal: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray, pd.Series]:
    """Return X, churned, the true probability and ids."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 4)).astype(np.float32)
    truth = expit(-1.2 + signal * (1.2 * X[:, 0] + 0.8 * np.maximum(X[:, 1], 0)))
    return X, rng.random(rows) < truth, truth, pd.Series([f"s{at}" for at in range(rows)], dtype="str")


def test_calibrated_where_the_truth_is_known() -> None:
    # The bands are twice the largest departures in 20 draws of the training sample: slope 0.93 to 1.07, mean risk
    # 0.011 from the truth, correlation 0.98.
    X, churned, _, ids = population(5000, 1)
    model = fit_churn(X, churned, ids, TRAINING)
    X_new, churned_new, truth_new, _ = population(20_000, 2)
    risk = model.predict(X_new, 1)
    fit = LogisticRegression(C=1e6).fit(logit(risk)[:, None], churned_new)
    assert 0.87 < fit.coef_[0, 0] < 1.13
    assert abs(risk.mean() - truth_new.mean()) < 0.022
    assert np.corrcoef(risk, truth_new)[0, 1] > 0.96


def test_overconfident_trees_are_corrected() -> None:
    """Trees grown far too long say far too much, and the blend takes it back.

    In 10 draws the raw scores had slopes from 0.38 to 0.43.
    """
    wild = Training(Learner(rounds=150, learning_rate=0.3, leaves=15, min_leaf_rows=5), 5, 1, ())
    X, churned, _, ids = population(2500, 3)
    model = fit_churn(X, churned, ids, wild)
    X_new, churned_new, _, _ = population(10_000, 4)

    def slope_of(risk: np.ndarray) -> float:
        log_odds = logit(np.clip(risk, 1e-6, 1 - 1e-6))[:, None]
        return float(LogisticRegression(C=1e6).fit(log_odds, churned_new).coef_[0, 0])

    trees = fit_booster(X, churned.astype(float), wild, "binary")
    assert slope_of(predict(trees, X_new, 1)) < 0.5
    assert 0.9 < slope_of(model.predict(X_new, 1)) < 1.5


@pytest.mark.parametrize("arms", [1, 2])
@pytest.mark.parametrize(("weights", "grown", "regressed"), [((1.0, 0.0), 3, 2), ((0.0, 1.0), 2, 3), ((1.0, 1.0), 3, 3),
                                                             ((0.0, 0.0), 2, 2)])  # fmt: skip
def test_what_has_no_weight_is_not_fitted_on_everything(monkeypatch, arms, weights, grown, regressed) -> None:
    """Of two folds each; trees of several arms start from what the regression says each arm moves, and what they say of
    the control is learned once more, in each fold too."""
    X, churned, _, ids = population(400, 1)
    arm = np.arange(400) % arms
    small = Training(Learner(rounds=5, leaves=3, min_leaf_rows=20, folds=2), seed=5, threads=1, category_indexes=())
    whole = fit_weighted(monkeypatch, (1.0, 1.0), X, churned, ids, small, Decided(arm=arm))[0]
    model, counts = fit_weighted(monkeypatch, weights, X, churned, ids, small, Decided(arm=arm))
    again = 2 + (weights[0] > 0) if arms > 1 else 0  # one in each fold, and one on everything where trees count
    assert counts == {"grow": grown + again, "fit_control_risks": max(regressed, grown) if arms > 1 else regressed}
    for part in ("booster", "linear"):
        found = getattr(model, part)
        assert (found is None) == (weights[part == "linear"] == 0.0)
    texts, all_texts = model.as_files(), whole.as_files()
    if model.booster is not None:
        assert texts["churn.txt"] == all_texts["churn.txt"]
    if model.linear is not None:
        assert texts["churn.json"]["linear"] == all_texts["churn.json"]["linear"]


@pytest.mark.parametrize(("n", "noise", "first"), [(1000, 60, False), (4000, 0, True)])
def test_the_regression_is_as_strict_as_is_best_out_of_fold(monkeypatch, n, noise, first) -> None:
    """Sixty columns of noise and a thousand rows ask for a strict one, four telling ones and many rows for none."""
    X, churned, _, ids = population(n, 1)
    X = np.column_stack([X, np.random.default_rng(2).standard_normal((n, noise))]).astype(np.float32)
    small = Training(Learner(rounds=5, leaves=3, min_leaf_rows=20, folds=2), seed=5, threads=1, category_indexes=())
    chosen = {}

    def kept(*given):
        chosen["found"] = out_of_fold(*given)
        return chosen["found"]

    out_of_fold = churn._out_of_fold
    monkeypatch.setattr(churn, "_out_of_fold", kept)
    model = fit_weighted(monkeypatch, (1.0, 1.0), X, churned, ids, small)[0]
    strictness = chosen["found"].strictness
    assert (strictness == 0) == first
    risks, _ = fit_control_risks(X, churned.astype(float), np.zeros(n, dtype=np.int64), small)
    assert len(risks) == len(STRICTER)
    assert model.linear == risks[strictness]


def test_the_first_trees_of_many_teach_as_that_many_would() -> None:
    X, churned, *_ = population(400, 1)
    rows = control_trees.TaughtRows.of(X, churned.astype(float), np.arange(400) % 2, TRAINING)
    few, some, moved = of_rounds(TRAINING, 5), np.arange(400) < 300, np.arange(300) % 2 * 0.5
    longer = rows.arm_trees(some, moved, of_rounds(TRAINING, 9))
    again = rows.learned_again(some, longer, few)
    assert booster_text(again) == booster_text(rows.trees(some, moved, few))
    assert booster_text(again) != booster_text(rows.trees(some, moved * 2, few))


def fit_weighted(monkeypatch, weights, *rows) -> tuple[ChurnModel, dict[str, int]]:
    """Fit with a blend of given weights, and count what is fitted."""
    counts = dict.fromkeys(("grow", "fit_control_risks"), 0)

    def counting(name, fit):
        def counted(*arguments):
            counts[name] += 1
            return fit(*arguments)

        return counted

    with monkeypatch.context() as patch:
        for name in counts:
            patch.setattr(control_trees, name, counting(name, getattr(control_trees, name)))
        patch.setattr(churn, "choose_calibrator", lambda *_: Calibrator("platt", weights, 0.0))
        return fit_churn(*rows), counts


@pytest.mark.parametrize("seed", range(8))
def test_without_signal_the_risk_stays_at_the_base_rate(seed: int) -> None:
    """Out-of-fold scores of noise lean against the outcome; the model must not turn its own ranking round."""
    X, churned, _, ids = population(1500, seed, signal=0.0)
    model = fit_churn(X, churned, ids, TRAINING)
    risk = model.predict(X, 1)
    assert min(model.calibrator.weights) >= 0
    assert np.abs(risk - churned.mean()).max() < 0.15
    if model.booster is not None or model.linear is not None:
        assert np.corrcoef(risk, churned)[0, 1] > 0


@pytest.mark.parametrize(("churned", "expected"), [(False, 0.5 / 101), (True, 100.5 / 101)])
def test_one_class_gives_a_constant_away_from_0_and_1(churned: bool, expected: float) -> None:
    X, _, _, ids = population(100, 1)
    model = fit_churn(X, np.full(100, churned), ids, TRAINING)
    assert model.booster is None
    assert model.linear is None
    assert model.predict(X, 1) == pytest.approx(np.full(100, expected))


@pytest.mark.parametrize("rows", [0, 1, 2, 5, 12, 13, 30, 60])
def test_tiny_data_give_a_risk_near_the_base_rate(rows: int) -> None:
    X, _, _, ids = population(rows, 1)
    churned = np.arange(rows) % 2 == 0
    risk = fit_churn(X, churned, ids, TRAINING).predict(np.zeros((3, 4), dtype=np.float32), 1)
    assert risk == pytest.approx(np.full(3, 0.5), abs=0.26)  # one row: (1 + 0.5) / 2


def test_rows_of_one_stakeholder_cannot_be_calibrated_and_give_a_constant() -> None:
    X, churned, _, _ = population(200, 1)
    model = fit_churn(X, churned, pd.Series(["one"] * 200, dtype="str"), TRAINING)
    assert model.booster is None
    assert model.predict(X[:1], 1)[0] == pytest.approx((churned.sum() + 0.5) / 201)


@pytest.mark.parametrize(("signal", "arms"), [(0.0, 1), (1.0, 1), (1.0, 3)])
def test_files_give_identical_predictions(signal: float, arms: int) -> None:
    X, churned, _, ids = population(1500, 7, signal)
    model = fit_churn(
        X, churned if signal else np.zeros(1500, dtype=bool), ids, TRAINING, Decided(arm=np.arange(1500) % arms)
    )
    files = {name: part if isinstance(part, str) else json.loads(json.dumps(part))
             for name, part in model.as_files().items()}  # fmt: skip
    assert set(files) == ({"churn.json", "churn.txt"} if signal else {"churn.json"})
    assert (model.linear is not None) == bool(signal)
    np.testing.assert_array_equal(ChurnModel.from_files(files).predict(X, 1), model.predict(X, 1))


def test_a_broken_text_is_refused() -> None:
    X, churned, _, ids = population(1500, 7)
    files = fit_churn(X, churned, ids, TRAINING).as_files()
    with pytest.raises(ArtifactError, match=r"churn.txt: expected a whole LightGBM model text"):
        ChurnModel.from_files({**files, "churn.txt": str(files["churn.txt"])[:500]})
    assert ChurnModel.from_files(files).booster is not None


def test_the_same_model_twice_and_one_row_alone_as_in_a_batch() -> None:
    X, churned, _, ids = population(1500, 8)
    first, second = (fit_churn(X, churned, ids, TRAINING) for _ in range(2))
    assert first.as_files() == second.as_files()
    whole = first.predict(X, 1)
    np.testing.assert_array_equal([first.predict(X[[row]], 1)[0] for row in range(0, 1500, 75)], whole[::75])


def test_a_line_in_few_rows_is_found_by_the_regression_and_a_corner_in_many_by_the_trees() -> None:
    """Held-out AUC of the blend against the better of its parts alone; seeds fixed, 1 draw each."""
    X, churned, _, ids = population(400, 11)
    X_new, churned_new, _, _ = population(20_000, 12)
    blend, trees = fit_churn(X, churned, ids, TRAINING), fit_booster(X, churned.astype(float), TRAINING, "binary")
    auc = roc_auc_score(churned_new, blend.predict(X_new, 1))
    assert auc > roc_auc_score(churned_new, predict(trees, X_new, 1)) + 0.005
    rng = np.random.default_rng(13)
    X = rng.normal(size=(8000, 4)).astype(np.float32)
    churned = rng.random(8000) < np.where(X[:, 0] * X[:, 1] > 0, 0.5, 0.1)
    model = fit_churn(X[:4000], churned[:4000], pd.Series(range(4000)).astype("str"), TRAINING)
    assert roc_auc_score(churned[4000:], model.predict(X[4000:], 1)) > 0.7
    assert model.calibrator.weights[0] > 0.5


def test_near_the_truth_of_a_later_wave() -> None:
    """Learned from 40,000 decisions of six arms, as a run learns; judged on everybody of the wave after the last.

    On this seed the AUC lay 0.0044 behind that of the true risk, and tenths of the risk on average 0.0036 off the true
    risk; on the five after it 0.0037 to 0.0073 and 0.0049 to 0.0068, but 0.0194 on seed 56, of whose control's rows by
    chance fewer left, by 0.019 of all.
    """
    data, later = (draw_trial(Trial(40_000, 51, later=after)) for after in (False, True))
    ids, waves = pd.Series(np.arange(40_000)).astype("str"), pd.Series(data.wave)
    training = Training(Learner().of_churn, 51, 1, TRIAL_CATEGORIES)
    decided = Decided(waves, data.arm, inverse_weights(np.where(data.arm == 0, data.recorded, np.nan), waves))
    risk = fit_churn(data.X, data.retained == 0, ids, training, decided).predict(later.X, 1)
    truth = later.churn[:, 0]
    left = np.random.default_rng(0).random(len(truth)) < truth
    assert roc_auc_score(left, truth) - roc_auc_score(left, risk) < 0.006
    tenths = np.array_split(np.argsort(risk, kind="stable"), 10)
    assert np.mean([abs(risk[rows].mean() - truth[rows].mean()) for rows in tenths]) < 0.006


def targeted(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, Decided]:
    """Return X, churned, the true risk under the control, and decisions: who is likely to leave is seldom left alone,
    and kept by the arm."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 4)).astype(np.float32)
    odds = -1.2 + 1.2 * X[:, 0] + 0.8 * np.maximum(X[:, 1], 0)
    propensity = 0.06 + 0.88 * expit(-3.0 * X[:, 0])
    arm = (rng.random(rows) > propensity).astype(np.int64)
    churned = rng.random(rows) < expit(odds - 2.5 * (X[:, 0] > 0) * arm)
    weight = inverse_weights(np.where(arm == 0, propensity, np.nan), pd.Series(np.zeros(rows)))
    return X, churned, expit(odds), Decided(arm=arm, weight=weight)


def test_decisions_that_were_targeted_leave_little_bias() -> None:
    """Mean risk of everybody against the truth, on average over six draws.

    In these it is off by −0.002 without weights and by 0.003 with them, ± 0.003 each: regression and trees heed for
    whom an arm was chosen, and the weights of the rows that calibrate both move what is left the other way.
    """
    small, off = Training(Learner(rounds=10, leaves=3, min_leaf_rows=40), 5, 1, ()), []
    for seed in range(6):
        X, churned, truth, decided = targeted(12_000, seed)
        ids = pd.Series(range(12_000)).astype("str")
        each = (decided, Decided(arm=decided.arm))
        off.append([fit_churn(X, churned, ids, small, given).predict(X, 1).mean() - truth.mean() for given in each])
    weighed, even = np.mean(off, axis=0)
    assert abs(weighed) < 0.011
    assert abs(even) < 0.011
    assert even < weighed - 0.002  # weights count


def test_the_base_rate_is_that_of_those_whom_the_rows_stand_for() -> None:
    """Ten leavers who count three times and ninety who stay: 30.5 / 121 instead of 10.5 / 101."""
    X, _, _, ids = population(100, 1)
    churned, learner = np.arange(100) < 10, Training(Learner(folds=6), 5, 1, ())
    model = fit_churn(X, churned, ids, learner, Decided(weight=np.where(churned, 3.0, 1.0)))
    assert model.predict(X, 1) == pytest.approx(np.full(100, 30.5 / 121))


def test_rounds_and_penalty_are_those_best_for_whom_the_rows_stand_for() -> None:
    """What is best for two rows in three is worst for the third, which counts ten times."""
    tried = np.array([[2.0, -2.0]] * 2 + [[-2.0, 2.0]])
    assert churn._best(tried, np.ones(3), np.ones(3)) == 0
    assert churn._best(tried, np.ones(3), np.array([0.25, 0.25, 2.5])) == 1


def test_rows_of_other_arms_help_where_rows_are_few() -> None:
    """8,000 randomised decisions, a sixth of them under the control; AUC against 25 draws from the true risk.

    On these seeds the other arms' rows take the distance to the truth from 0.020 on average to 0.013, though on one it
    grows by 0.002; half of the average is asked for.
    """
    behind: dict[str, list[float]] = {"with": [], "without": []}
    for seed in range(21, 26):
        data, later = (draw_trial(Trial(8000, seed, later=after)) for after in (False, True))
        training, control = Training(Learner().of_churn, seed, 1, TRIAL_CATEGORIES), data.arm == 0
        left, ids, waves = data.retained == 0, pd.Series(np.arange(8000)).astype("str"), pd.Series(data.wave)
        ours = fit_churn(data.X, left, ids, training, Decided(waves, data.arm))
        alone = fit_churn(data.X[control], left[control], ids[control], training, Decided(waves[control]))
        truth, rng = later.churn[:, 0], np.random.default_rng(0)
        for _ in range(5):
            drawn = rng.random(len(truth)) < truth
            for name, model in (("with", ours), ("without", alone)):
                behind[name].append(roc_auc_score(drawn, truth) - roc_auc_score(drawn, model.predict(later.X, 1)))
    assert np.mean(behind["with"]) < 0.016
    assert np.mean(behind["with"]) < np.mean(behind["without"]) - 0.0034


def test_an_arm_that_turns_what_drives_leaving_round_misleads_nobody() -> None:
    """The arm's rows, half of all, say the contrary of the control's; taken together nothing would be left."""
    X, churned, ids, arm = turned(8000, 18)
    model = fit_churn(X, churned, ids, TRAINING, Decided(arm=arm))
    X_new, _, _, _ = turned(5000, 19)
    truth = expit(-1.0 + 1.5 * X_new[:, 0])
    assert np.corrcoef(model.predict(X_new, 1), truth)[0, 1] > 0.97
    together = fit_churn(X, churned, ids, TRAINING)
    assert np.ptp(together.predict(X_new, 1)) < 0.2


def turned(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, pd.Series, np.ndarray]:
    """Return X, churned, ids and arms: the first column drives people away, but under the arm it keeps them."""
    rng = np.random.default_rng(seed)
    X, arm = rng.normal(size=(rows, 4)).astype(np.float32), rng.integers(0, 2, rows)
    churned = rng.random(rows) < expit(-1.0 + 1.5 * np.where(arm == 0, 1, -1) * X[:, 0])
    return X, churned, pd.Series(range(rows)).astype("str"), arm


def test_what_drives_leaving_under_the_control_is_told_though_the_arm_turns_it_round() -> None:
    """The first column's part of the log-odds against its true one, 1.5 for each unit; the others have next to none."""
    X, churned, ids, arm = turned(8000, 18)
    found = churn_contributions(fit_churn(X, churned, ids, TRAINING, Decided(arm=arm)), X, 1)
    slope = np.polyfit(X[:, 0], found.of_features[:, 0], 1)[0]
    assert 1.2 < slope < 1.8
    assert found.of_features[:, 1:].std(axis=0).max() < 0.15
    assert np.ptp(found.baseline) < 1e-6


def test_where_no_fold_can_be_told_the_control_apart_the_risk_is_constant() -> None:
    """All of the control's rows are of one stakeholder, so that of one fold nobody else is under the control."""
    X, _, ids, arm = turned(3000, 21)
    churned = np.random.default_rng(22).random(3000) < np.where(arm == 0, 0.1, 0.8)
    model = fit_churn(X, churned, ids.where(arm != 0, "one"), TRAINING, Decided(arm=arm))
    assert model.predict(X, 1) == pytest.approx(np.full(3000, churned[arm == 0].mean()), abs=0.001)


@pytest.mark.parametrize(("rate", "chosen"), [(0.5, 10), (0.005, 180)])
def test_hasty_trees_are_few_and_slow_ones_many(rate: float, chosen: int) -> None:
    """Of a sixth to three times the learner's 60 rounds."""
    X, churned, _, ids = population(5000, 20)
    learner = Learner(rounds=60, leaves=7, min_leaf_rows=40, learning_rate=rate)
    booster = fit_churn(X, churned, ids, Training(learner, 5, 1, ())).booster
    assert booster is not None
    assert booster.num_trees() == chosen


def test_the_arms_alone_do_not_move_the_risk_under_the_control() -> None:
    """An arm that makes most leave: risk and calibration stay those of the control's rows."""
    X, churned, truth, ids = population(6000, 15)
    arm = np.random.default_rng(16).integers(0, 2, 6000)
    churned = np.where(arm == 1, np.random.default_rng(17).random(6000) < expit(logit(truth) + 2.0), churned)
    risk = fit_churn(X, churned, ids, TRAINING, Decided(arm=arm)).predict(X, 1)
    assert churned[arm == 1].mean() > truth.mean() + 0.3
    assert abs(risk.mean() - truth.mean()) < 0.022
    ignored = fit_churn(X, churned, ids, TRAINING).predict(X, 1)
    assert ignored.mean() > truth.mean() + 0.1
