"""How much the parts of a score count: weights chosen out of fold, shrunk towards none.

w ≥ 0 of the largest likelihood, times max(0, 1 − q / 2ΔL), ΔL the log-likelihood that q weights gain (positive-part
James-Stein): parts that say no more than chance vanish.
"""

from itertools import combinations

import numpy as np

from .base import Study
from .lines import Small
from .links import Link
from .logged import Floats

CHOICE = 0.5  # parameters that one arm's choice among penalties or rounds counts as


def shrunk_weights(study: Study, start: Floats, *parts: Small) -> tuple[list[float], float]:
    """Return the weights of the parts, and the evidence for them.

    Evidence is the log-likelihood that they gain, less what was fitted and chosen for it (Akaike 1974): one for each
    weight, and CHOICE for each arm's choice of rounds or penalty. Parts that gain too little are left out.

    Args:
        study: n rows, k arms.
        start: score without the parts, shape (n,).
        parts: out of fold, each of shape (n, k).
    """
    counts, own = study.seen & study.apt, np.arange(len(start))
    columns = np.column_stack([part[own, study.arm] for part in parts])[counts].astype(np.float64)
    start, y = start[counts], study.y[counts]
    none = float(study.link.log_likelihood(start, y).sum())
    best, most, size = np.zeros(len(parts)), 0.0, 0
    for used in (list(each) for q in range(len(parts), 0, -1) for each in combinations(range(len(parts)), q)):
        weights = np.zeros(len(parts))
        weights[used] = _newton(study.link, start, columns[:, used], y)
        gain = float(study.link.log_likelihood(start + columns @ weights, y).sum()) - none
        if weights.min() >= 0 and gain - len(used) / 2 > most - size / 2:
            best, most, size = weights, gain, len(used)
    best *= max(0.0, 1.0 - size / (2.0 * most)) if most > 0 else 0.0
    return best.tolist(), most - size * (1.0 + CHOICE * study.arms)


def _newton(link: Link, start: Floats, columns: Floats, y: Floats) -> Floats:
    weights = np.zeros(columns.shape[1])
    for _ in range(8):
        slope, curve = link.working(start + columns @ weights, y)
        hessian = columns.T @ (curve[:, None] * columns) + 1e-9 * np.eye(len(weights))
        weights = np.clip(weights + np.linalg.solve(hessian, columns.T @ slope), -0.5, 2.0)
    return weights
