"""Propensities that nobody logged, estimated from features by other stakeholders' decisions.

A multinomial regression, steady where rows are few, and boosted trees, which find what interacts, are blended by their
likelihood out of fold (docs/decisions/0034): the noise of a probability goes into 1/p one-sidedly, so that trees alone
weigh people by a quarter too much where rows are few.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

from .boosting import Training, fit_booster, predict
from .linear_risk import log_probabilities
from .logged import Floats, Logged

LEAST_PROPENSITY = 0.01  # estimates are kept above it, so that no row's weight exceeds 100
_FLOOR = 1e-6  # below which a part's probability tells nothing any more
_HEAVIEST = 2.0  # weight of a part
_DECIMALS = 9  # of estimates: threads add in any order, which moves the last bits


def with_estimated_propensities(logged: Logged, training: Training) -> Logged:
    """Return the decisions with each missing propensity estimated; logged ones stay as they are.

    Whatever iterations lack some are learned from, each with odds of its own: others had another policy. Arms that the
    kind may not receive are struck out and the rest rescaled. What is estimated depends on the row's own arm by the
    blend's few numbers only.
    """
    missing = np.isnan(logged.propensity)
    if not missing.any():
        return logged
    lacking = np.isin(logged.iteration, logged.iteration[missing])
    rows = logged.take(lacking)
    own = np.arange(len(rows)), rows.arm
    allowed = rows.eligible.copy()
    allowed[own] = True
    chosen = _blended(log_probabilities_by_part(rows, training), rows.arm, allowed)[own]
    propensity = logged.propensity.copy()
    propensity[missing] = np.clip(np.round(chosen, _DECIMALS), LEAST_PROPENSITY, 1.0)[missing[lacking]]
    return replace(logged, propensity=propensity)


def log_probabilities_by_part(logged: Logged, training: Training) -> Floats:
    """Return each arm's log-probability by regression and by trees of other stakeholders, shape (n, 2, arms)."""
    found = np.full((len(logged), 2, logged.eligible.shape[1]), np.log(_FLOOR))
    X, wider = logged.X, training
    iterations, code = np.unique(logged.iteration, return_inverse=True)
    if len(iterations) > 1:
        X = np.column_stack([X, code.astype(np.float32)])
        wider = replace(training, category_indexes=(*training.category_indexes, logged.X.shape[1]))
    for inside, others in replace(logged, X=X).splits(training.learner.folds, training.seed + 2):
        seen, y = np.unique(others.arm, return_inverse=True)
        if not inside.any() or not len(seen):
            continue
        by_part = np.stack(_parts(others.X, y, X[inside], wider), axis=1)
        found[np.ix_(inside, np.arange(2), seen)] = np.maximum(by_part, np.log(_FLOOR))
    return found


def _parts(X: NDArray[np.float32], y: NDArray[np.int64], new: NDArray[np.float32], training: Training) -> list[Floats]:
    """Return the log-probabilities of regression and trees, shape (m, k) each; 0 where there is one class."""
    classes = int(y.max()) + 1
    if classes == 1:
        return [np.zeros((len(new), 1))] * 2
    booster = fit_booster(X, y, _fewer(training), "multiclass", classes)
    by_trees = predict(booster, new, training.threads).reshape(len(new), classes)
    return [log_probabilities(X, y, new, training), np.log(np.maximum(by_trees, _FLOOR))]


def _blended(logs: Floats, arm: NDArray[np.int64], allowed: NDArray[np.bool_]) -> Floats:
    """Return the probabilities ∝ exp(Σ w × log p + b) over the allowed arms, shape (n, k).

    Weights w ≥ 0 of the parts and a level b of each arm are those of the largest likelihood, a unit normal around
    w = ½ and b = 0 before it: rows that are few cannot move them far.

    Args:
        logs: shape (n, parts, k).
        arm: received, shape (n,).
        allowed: shape (n, k), the received one among them.
    """
    n, parts, k = logs.shape
    middle = np.r_[np.full(parts, 0.5), np.zeros(k)]
    received = np.zeros((n, k))
    received[np.arange(n), arm] = 1.0

    def scores(numbers: Floats) -> Floats:
        blend = np.einsum("p,npk->nk", numbers[:parts], logs) + numbers[parts:]
        return np.where(allowed, blend, -np.inf)

    def loss(numbers: Floats) -> tuple[float, Floats]:
        score, off = scores(numbers), numbers - middle
        residual = softmax(score, axis=1) - received
        slope = np.r_[np.einsum("nk,npk->p", residual, logs), residual.sum(axis=0)]
        likelihood = score[np.arange(n), arm] - logsumexp(score, axis=1)
        return float(0.5 * off @ off - likelihood.sum()), slope + off

    bounds = [(0.0, _HEAVIEST)] * parts + [(None, None)] * k
    return np.asarray(softmax(scores(minimize(loss, middle, jac=True, method="L-BFGS-B", bounds=bounds).x), axis=1))


def _fewer(training: Training) -> Training:
    """Return settings of the trees: a quarter of the rounds at twice the rate, as every round grows a tree per arm."""
    learner = training.learner
    changes = {
        "rounds": max(1, learner.rounds // 4),
        "learning_rate": min(1.0, 2 * learner.learning_rate),
        "leaves": min(7, learner.leaves),
    }
    return replace(training, learner=learner.model_copy(update=changes))
