"""LightGBM behind one door: the same text twice, no matrix of another shape, no broken text."""

from dataclasses import replace

import lightgbm as lgb
import numpy as np
import pytest

from rapport.contracts.errors import ArtifactError
from rapport.contracts.params import Learner
from rapport.models.boosting import Training, booster_from_text, booster_text, fit_booster, predict

TRAINING = Training(
    Learner(rounds=25, learning_rate=0.2, leaves=7, min_leaf_rows=20), seed=3, threads=1, category_indexes=(2,)
)


def data(rows: int = 1500) -> tuple[np.ndarray, np.ndarray]:
    """Two numbers, of which one is sometimes missing, and a category that moves the outcome."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, 3)).astype(np.float32)
    X[:, 2] = rng.integers(0, 5, rows)
    y = X[:, 0] + np.where(X[:, 2] == 3, 2.0, 0.0) + rng.normal(0, 0.3, rows)
    X[rng.random(rows) < 0.1, 1] = np.nan
    return X, y


@pytest.fixture(scope="module")
def booster() -> lgb.Booster:
    return fit_booster(*data(), TRAINING, "regression")


def labels(y: np.ndarray, objective: str) -> np.ndarray:
    return {"regression": y, "binary": (y > 0).astype(float), "multiclass": np.digitize(y, [-0.5, 0.5])}[objective]


@pytest.mark.parametrize("objective", ["regression", "binary", "multiclass"])
def test_the_same_text_twice_and_another_with_another_seed(objective: str) -> None:
    X, y = data()
    classes = 3 if objective == "multiclass" else 1
    trainings = (TRAINING, TRAINING, replace(TRAINING, seed=4))
    texts = [booster_text(fit_booster(X, labels(y, objective), t, objective, classes)) for t in trainings]
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]


def test_the_trees_learn_the_number_and_the_category(booster: lgb.Booster) -> None:
    X, y = data()
    residual = y - predict(booster, X, 1)
    assert residual.var() < 0.35 * y.var()
    assert abs(residual[X[:, 2] == 3].mean()) < 0.4  # 2.0 apart before


@pytest.mark.parametrize("threads", [1, 2])
def test_each_row_alone_is_predicted_as_in_the_batch(booster: lgb.Booster, threads: int) -> None:
    X, _ = data()
    whole = predict(booster, X, 2)
    alone = [predict(booster, X[[row]], threads)[0] for row in range(0, 1500, 100)]
    np.testing.assert_array_equal(alone, whole[::100])


@pytest.mark.parametrize("columns", [2, 4])
def test_another_number_of_columns_is_refused(booster: lgb.Booster, columns: int) -> None:
    with pytest.raises(ValueError, match=rf"X: expected 3 columns as in training, got {columns}"):
        predict(booster, np.zeros((5, columns), dtype=np.float32), 1)
    assert predict(booster, np.zeros((5, 3), dtype=np.float32), 1).shape == (5,)


def test_no_rows_give_no_predictions(booster: lgb.Booster) -> None:
    assert predict(booster, np.zeros((0, 3), dtype=np.float32), 1).shape == (0,)


def test_a_text_gives_back_the_same_booster(booster: lgb.Booster) -> None:
    X, _ = data()
    again = booster_from_text(booster_text(booster), "churn.txt")
    np.testing.assert_array_equal(predict(again, X, 1), predict(booster, X, 1))
    assert booster_text(again) == booster_text(booster)


@pytest.mark.parametrize("part", [0.0, 0.001, 0.3, 0.7])
def test_a_truncated_text_never_reaches_lightgbm(
    booster: lgb.Booster, part: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = booster_text(booster)
    cut = text[: int(part * len(text))]

    def ends_the_process(**_: object) -> lgb.Booster:
        raise AssertionError("a truncated text was handed to LightGBM, which would end the process")

    with monkeypatch.context() as patch:
        patch.setattr(lgb, "Booster", ends_the_process)
        with pytest.raises(ArtifactError, match=rf"churn.txt: expected a whole LightGBM .* got {len(cut)} characters"):
            booster_from_text(cut, "churn.txt")
    assert booster_from_text(text, "churn.txt").num_feature() == 3


def test_another_kind_of_text_is_refused() -> None:
    with pytest.raises(ArtifactError, match=r"money.txt: expected a whole LightGBM model text"):
        booster_from_text('{"not": "a model", "end of trees": 1}', "money.txt")
