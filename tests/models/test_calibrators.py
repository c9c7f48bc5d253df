"""How trees and regression are blended and calibrated: chosen on later rows, never turning a ranking round."""

import json

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import norm
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from rapport.models.calibrators import Calibrator, choose_calibrator

ROWS = 12_000
EVEN = np.ones(ROWS)  # weights


def scored(seed: int, shape: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the log-odds of two models, outcomes and which rows are later; `shape` says what the log-odds need."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(-1, 1, ROWS)
    if shape == "right":
        odds = truth
    elif shape == "steep":
        odds = 3.0 * truth + 1.0
    else:  # a step: below some score nobody leaves, above it nearly half
        odds, truth = truth, np.where(truth > -0.5, 0.0, -5.0)
    y = (rng.random(ROWS) < expit(truth)).astype(float)
    return np.column_stack([odds, odds]), y, np.arange(ROWS) % 3 == 0


@pytest.mark.parametrize(("shape", "kind"), [("steep", "platt"), ("step", "isotonic")])
def test_what_the_later_rows_ask_for_is_chosen(shape: str, kind: str) -> None:
    """In 20 draws each the choice was the same."""
    for seed in range(5):
        assert choose_calibrator(*scored(seed, shape), EVEN).kind == kind


def test_scores_that_are_right_stay_within_the_noise_of_what_they_say() -> None:
    """Whatever is chosen, risks stay within 0.02 of the truth on average; 5 draws, seeds fixed."""
    for seed in range(5):
        odds, y, later = scored(seed, "right")
        risk = choose_calibrator(odds, y, later, EVEN).risk(odds)
        assert np.abs(risk - expit(odds[:, 0])).mean() < 0.02


def test_the_choice_looks_at_later_rows_only_once_fitted_to_others() -> None:
    """A step function that only the later rows show is not there to be fitted, so it is not chosen."""
    odds, y, later = scored(1, "steep")
    step_odds, step_y, _ = scored(1, "step")
    odds[later], y[later] = step_odds[later], step_y[later]
    assert choose_calibrator(odds, y, later, EVEN).kind != "isotonic"
    assert choose_calibrator(step_odds, step_y, later, EVEN).kind == "isotonic"


def test_a_model_that_ranks_the_wrong_way_round_is_left_out() -> None:
    rng = np.random.default_rng(0)
    y = (rng.random(2000) < 0.3).astype(float)
    later = np.arange(2000) % 2 == 0
    good, bad = 2.0 * y + rng.normal(size=2000), -0.5 * y + rng.normal(size=2000)
    for odds, used in ((np.column_stack([good, bad]), 0), (np.column_stack([bad, good]), 1)):
        weights = choose_calibrator(odds, y, later, EVEN[:2000]).weights
        assert weights[used] > 0
        assert weights[1 - used] == 0
    assert choose_calibrator(np.column_stack([bad, bad - good]), y, later, EVEN[:2000]).weights == (0.0, 0.0)


def test_weights_that_are_all_one_change_no_bit_of_the_steps() -> None:
    """Beside scikit-learn's fit that knows of none."""
    odds, y, later = scored(5, "step")
    found, edge = choose_calibrator(odds, y, later, EVEN), 0.5 / (ROWS + 1.0)
    steps = IsotonicRegression(y_min=edge, y_max=1.0 - edge, out_of_bounds="clip").fit(found.log_odds(odds), y)
    assert found.steps == tuple(zip(steps.X_thresholds_, steps.y_thresholds_, strict=True))


@pytest.mark.parametrize("rows", [60, 600])
def test_the_blend_is_the_most_likely_one_given_the_prior(rows: int) -> None:
    """Beside the posterior written out: none near by has a higher one, and it is not that of the rows alone."""
    rng = np.random.default_rng(8)
    truth = rng.normal(-1, 1, rows)
    odds = truth[:, None] + rng.normal(0, 0.5, (rows, 2))
    y, weight = (rng.random(rows) < expit(truth)).astype(float), rng.uniform(0.5, 2.0, rows)
    found = choose_calibrator(odds, y, np.arange(rows) % 3 == 0, weight)

    def posterior(a: float, b: float, c: float) -> float:
        risk = expit(a * odds[:, 0] + b * odds[:, 1] + c)
        rows_say = weight @ (y * np.log(risk) + (1 - y) * np.log(1 - risk))
        return float(rows_say + norm(0.5, 0.1**0.5).logpdf([a, b]).sum())

    best = np.array([*found.weights, found.intercept])
    for step in [*np.eye(3), *-np.eye(3)]:
        assert posterior(*best) > posterior(*(best + 0.01 * step))
    plain = LogisticRegression(C=1e6, max_iter=1000).fit(odds, y, sample_weight=weight)
    assert np.abs(best[:2] - 0.5).sum() < np.abs(plain.coef_[0] - 0.5).sum()


def test_many_rows_drown_the_prior_and_few_leave_the_mean_of_both() -> None:
    odds, y, later = scored(6, "steep")
    assert sum(choose_calibrator(odds, y, later, EVEN).weights) == pytest.approx(1 / 3, abs=0.05)
    rng = np.random.default_rng(3)
    few = rng.normal(-1, 0.3, (40, 2))
    y = (rng.random(40) < expit(few.mean(axis=1))).astype(float)
    weights = choose_calibrator(few, y, np.arange(40) % 2 == 0, np.ones(40)).weights
    assert weights == pytest.approx((0.5, 0.5), abs=0.2)


@pytest.mark.parametrize(("shape", "kind"), [("steep", "platt"), ("step", "isotonic")])
def test_a_weight_of_three_is_three_rows(shape: str, kind: str) -> None:
    odds, y, later = scored(5, shape)
    times = np.where(np.arange(ROWS) % 4 == 1, 3, 1)
    found = choose_calibrator(odds, y, later, times.astype(float))
    repeated = choose_calibrator(*(np.repeat(each, times, axis=0) for each in (odds, y, later)), np.ones(times.sum()))
    assert found.kind == repeated.kind == kind
    assert found.risk(odds) == pytest.approx(repeated.risk(odds), abs=1e-4)
    assert np.abs(found.risk(odds) - choose_calibrator(odds, y, later, EVEN).risk(odds)).max() > 0.002


def test_risks_sum_to_the_weighted_share_that_left() -> None:
    """Scores that are right; but where leavers weigh more, risks rise."""
    odds, y, later = scored(1, "right")
    weight = np.where(y == 1.0, 1.5, 0.8)
    found = choose_calibrator(odds, y, later, weight)
    assert found.kind == "platt"
    assert np.average(found.risk(odds), weights=weight) == pytest.approx(np.average(y, weights=weight), abs=1e-3)


@pytest.mark.parametrize(("leavers", "kind"), [(999, "platt"), (1000, "isotonic")])
def test_steps_are_tried_from_a_thousand_earlier_leavers_on(leavers: int, kind: str) -> None:
    odds, y, later = scored(2, "step")
    spare = np.flatnonzero((y == 1.0) & ~later)[leavers:]
    kept = np.setdiff1d(np.arange(ROWS), spare)
    assert choose_calibrator(odds[kept], y[kept], later[kept], EVEN[kept]).kind == kind


def test_steps_are_no_cure_for_earlier_rows_that_tell_nothing() -> None:
    """Beside a risk of one half for everybody the base rate would look proven."""
    odds, y, later = scored(4, "right")
    odds[~later] = np.random.default_rng(4).permutation(odds[~later]) - 0.1 * y[~later, None]
    assert choose_calibrator(odds[~later], y[~later], later[~later], EVEN[~later]).kind == "constant"
    assert choose_calibrator(odds, y, later, EVEN).kind == "platt"


@pytest.mark.parametrize("told", [(-0.1, -0.3), (-0.7, -0.7), (-1.7, -2.2), (0.0, 0.0)])
@pytest.mark.parametrize("weight", [1.0, 0.3])
def test_log_odds_that_are_the_same_for_everybody_give_the_base_rate(told: tuple[float, float], weight: float) -> None:
    y = (np.arange(300) % 5 == 0).astype(float)
    weights = np.where(y == 1.0, weight, 1.0)
    found = choose_calibrator(np.tile(told, (300, 1)), y, np.arange(300) % 2 == 0, weights)
    assert found.kind == "constant"
    assert found.risk(np.zeros((1, 2))) == pytest.approx((60 * weight + 0.5) / (60 * weight + 241), rel=1e-9)


def test_a_blend_never_turns_a_ranking_round() -> None:
    """Noise of 100 rows: whatever is used goes with the outcome, and sometimes nothing does."""
    constants = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        odds, y = rng.normal(-1, 0.3, (100, 2)), (rng.random(100) < 0.3).astype(float)
        found = choose_calibrator(odds, y, np.arange(100) % 2 == 0, EVEN[:100])
        constants += found.kind == "constant"
        assert found.kind == "constant" or np.corrcoef(found.log_odds(odds), y)[0, 1] > 0
    assert 20 < constants < 180


def test_few_rows_of_a_class_are_no_ground_for_a_choice() -> None:
    odds, y, later = scored(2, "step")
    y[later] = 0.0
    y[np.flatnonzero(later)[:9]] = 1.0
    assert choose_calibrator(odds, y, later, EVEN).kind == "platt"


@pytest.mark.parametrize(("seed", "kind"), [(26, "platt"), (107, "platt"), (47, "isotonic"), (60, "isotonic")])
def test_steps_must_be_better_by_two_standard_errors(seed: int, kind: str) -> None:
    """The log-odds jump by 1 in the middle; the steps' lead on the later rows is 1.89, 1.95, 2.04 and 2.06 of them."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(-1, 1, ROWS)
    y = (rng.random(ROWS) < expit(odds + np.sign(odds + 1) / 2)).astype(float)
    assert choose_calibrator(np.column_stack([odds, odds]), y, np.arange(ROWS) % 3 == 0, EVEN).kind == kind


def test_the_isotonic_function_rises_and_stays_off_0_and_1() -> None:
    odds, y, later = scored(3, "step")
    found = choose_calibrator(odds, y, later, EVEN)
    at = np.linspace(-30, 30, 500)
    risk = found.risk(np.column_stack([at, at]))
    assert (np.diff(risk) >= 0).all()
    assert 0 < risk[0] < 0.01
    assert 0.4 < risk[-1] < 1
    by_hand = Calibrator("isotonic", (1.0, 0.0), 0.5, ((0.0, 0.1), (2.0, 0.5)))
    assert by_hand.risk(np.array([[-9.0, 3.0], [0.5, 3.0], [1.5, 3.0], [9.0, 3.0]])) == pytest.approx(
        [0.1, 0.3, 0.5, 0.5]
    )


@pytest.mark.parametrize("shape", ["steep", "step"])
def test_json_gives_the_same_calibrator(shape: str) -> None:
    odds, y, later = scored(4, shape)
    found = choose_calibrator(odds, y, later, EVEN)
    again = Calibrator.from_dict(json.loads(json.dumps(found.as_dict())))
    assert again == found
    np.testing.assert_array_equal(again.risk(odds), found.risk(odds))
