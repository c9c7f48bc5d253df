"""What arms add on the score's scale: found where it is, nothing where it is not."""

from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from rapport.contracts.params import Learner
from rapport.models import departures
from rapport.models.base import Study, fit_base
from rapport.models.basis import Basis
from rapport.models.boosting import Training, binned, boosters_from_text, joined
from rapport.models.departures import Departures, Found, _steadier, fit_departures
from rapport.models.lines import rowwise, widened
from rapport.models.links import Link

TRAINING = Training(Learner(rounds=60, learning_rate=0.1, leaves=7, min_leaf_rows=30), 4, 1, ())
ROWS = 6000


def study(strength: float, seed: int = 1, rate: float = 0.0) -> tuple[Study, np.ndarray]:
    """Yes or no of three arms; arm 1 adds 1·strength, arm 2 adds strength × the second feature, on the logit; `rate` is
    the log-odds of the average row."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(ROWS, 4)).astype(np.float32)
    arm = rng.integers(0, 3, ROWS)
    departure = strength * np.column_stack([np.zeros(ROWS), np.ones(ROWS), X[:, 1]])
    score = rate + 0.8 * X[:, 0] + departure[np.arange(ROWS), arm]
    y = (rng.random(ROWS) < 1 / (1 + np.exp(-score))).astype(float)
    everyone = np.ones(ROWS, dtype=bool)
    made = Study(Link("logit"), y, everyone, arm, 3, everyone, rng.integers(0, 3, ROWS), 3, X, binned(X, TRAINING))
    return made, departure


def contrasts(made: Study) -> np.ndarray:
    """Return the scores under arms 1 and 2 less that under the control, from the whole model, shape (n, 2)."""
    base, scores, _ = fit_base(made, TRAINING)
    basis = Basis.fit(made.X, range(4), ())
    found = fit_departures(made, scores, basis, TRAINING)
    assert found.scores.shape == (ROWS, 3)
    assert base.slope > 0.5
    added = found.departures.predict(made.X, widened(basis, made.X), 1)
    return added[:, 1:] - added[:, :1]


def without_base(made: Study) -> tuple[Found, np.ndarray]:
    """Return what is found where the base knows nothing of the rows, and how far contrasts vary over them, (2,)."""
    basis = Basis.fit(made.X, range(4), ())
    found = fit_departures(made, np.full(ROWS, made.link.score(made.y.mean())), basis, TRAINING)
    added = found.departures.predict(made.X, widened(basis, made.X), 1)
    return found, (added[:, 1:] - added[:, :1]).std(axis=0)


def test_departures_are_found() -> None:
    made, truth = study(1.0)
    found = contrasts(made)
    # Log-odds of 2,000 against 2,000 rows have a standard error of about 0.07.
    assert found[:, 0].mean() == pytest.approx(1.0, abs=0.25)
    assert np.corrcoef(found[:, 1], truth[:, 2])[0, 1] > 0.9
    assert np.abs(found[:, 0] - 1.0).mean() < 0.35


def test_nothing_is_found_where_there_is_nothing() -> None:
    """Mean size of the contrast over five null studies; the one above has 0.9."""
    sizes = [np.abs(contrasts(study(0.0, seed)[0])).mean() for seed in range(10, 15)]
    assert np.mean(sizes) < 0.1


def test_what_all_arms_share_is_no_difference_between_them() -> None:
    """A main effect that the base has missed goes to the line of all arms: no arm finds it anew."""
    nothing, varies = without_base(study(0.0)[0])
    assert varies.max() < 0.15
    assert nothing.departures.shared[0] == pytest.approx(0.8, abs=0.2)
    something, varies = without_base(study(1.0)[0])
    assert varies[1] > 0.7
    assert something.evidence > 50 > 1 > nothing.evidence


def test_evidence_is_rare_where_there_is_nothing_and_usual_where_there_is_something() -> None:
    """Of ten studies of yes or no in one row of fifty, at most one by chance; with effects on nearly as few, all."""
    null = [without_base(study(0.0, seed, -4.0)[0])[0].evidence for seed in range(30, 40)]
    assert np.sum(np.array(null) > 0) <= 1
    assert min(without_base(study(1.0, seed, -3.0)[0])[0].evidence for seed in range(30, 33)) > 0


def test_without_evidence_everybody_departs_alike() -> None:
    made, _ = study(1.0)
    basis = Basis.fit(made.X, range(4), ())
    found = fit_departures(made, np.zeros(ROWS), basis, TRAINING)
    departures, scores = found.kept(personal=False)
    added = departures.predict(made.X, widened(basis, made.X), 1)
    for contrast in (scores[:, 1:] - scores[:, :1], added[:, 1:] - added[:, :1]):
        np.testing.assert_allclose(contrast, np.tile(found.departures.constants[1:] - found.departures.constants[0],
                                                     (ROWS, 1)), atol=1e-5)  # fmt: skip
    assert np.ptp(scores[:, 0]) > 1
    assert found.kept(personal=True) == (found.departures, found.scores)


def test_departures_read_back_are_the_same_and_older_ones_have_no_line_of_all_arms() -> None:
    made, _ = study(1.0)
    basis = Basis.fit(made.X, range(4), ())
    departures = fit_departures(made, np.zeros(ROWS), basis, TRAINING).departures
    texts: list[str] = []
    document, wide = departures.as_dict(texts), widened(basis, made.X)
    boosters = boosters_from_text(joined(texts), "trees.txt")
    found = departures.predict(made.X, wide, 1)
    np.testing.assert_array_equal(Departures.from_dict(document, boosters).predict(made.X, wide, 1), found)
    del document["shared"]
    shared = wide.astype(float) @ departures.shared
    without = Departures.from_dict(document, boosters).predict(made.X, wide, 1)
    np.testing.assert_allclose(without, found - shared[:, None], atol=1e-4)
    assert shared.std() > 0.5


def test_rows_whose_arm_was_not_meant_for_them_say_nothing() -> None:
    made, _ = study(1.0)
    odd = made.X[:, 3] > 0.5
    spoilt = replace(made, y=np.where(odd & (made.arm == 1), 0.0, made.y))
    kept = contrasts(replace(spoilt, apt=~(odd & (made.arm == 1))))[~odd, 0].mean()
    assert kept == pytest.approx(1.0, abs=0.3)
    assert contrasts(spoilt)[:, 0].mean() < 0.7


def test_products_by_row_do_not_depend_on_the_batch_nor_on_threads() -> None:
    rng = np.random.default_rng(5)
    left, right = rng.normal(size=(700, 60)).astype(np.float32), rng.normal(size=(60, 60)).astype(np.float32)
    whole = rowwise(left, right)
    np.testing.assert_allclose(whole, left @ right, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(np.vstack([rowwise(left[[row]], right) for row in range(0, 700, 9)]), whole[::9])
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            np.testing.assert_array_equal(rowwise(left, right), whole)


@pytest.mark.parametrize(
    ("folds", "steadier"),
    [
        ([[1, 1, -1, -1], [1, -1, 1, -1]], 2.0),  # variances 1 and 1, of the average ½
        ([[3, 3, -3, -3], [1, 1, -1, -1]], 1.25),  # variances 9 and 1, of the average 4
        ([[1, 1, -1, -1], [1, 1, -1, -1]], 1.0),
        ([[0, 0, 0, 0], [0, 0, 0, 0]], 1.0),
    ],
)
def test_the_average_of_folds_that_differ_weighs_more_by_hand(monkeypatch, folds, steadier) -> None:
    monkeypatch.setattr(departures, "_tree_scores", lambda boosters, *_: np.array(boosters, dtype=float)[:, None])
    made, _ = study(0.0)
    assert _steadier(made, folds, (1,), 1) == pytest.approx(steadier)


def test_trees_of_all_folds_weigh_more_than_those_of_one(monkeypatch) -> None:
    """Three folds' trees agree in part: their average has less variance than one, but not a third of it."""
    made, _ = study(1.0)
    narrow, flat = Basis.fit(made.X, [0], ()), np.zeros(ROWS)  # lines miss the varying effect, trees do not
    found = fit_departures(made, flat, narrow, TRAINING).departures.weights[0]
    monkeypatch.setattr(departures, "_steadier", lambda *_: 1.0)
    alone = fit_departures(made, flat, narrow, TRAINING).departures.weights[0]
    assert 1.02 < found / alone < 3.0
