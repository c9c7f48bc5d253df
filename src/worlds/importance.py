"""Adaptive importance sampling of many small posteriors side by side.

Points are drawn from a multivariate t distribution whose mean and covariance are those of the points of the round
before, weighted towards the target (population Monte Carlo, Cappé et al. 2004), with tempered weights while that is far
off. n targets of d unknowns, S points each: points (n, S, d), weights (n, S).
"""

from dataclasses import dataclass

import numpy as np

from .draws import Floats

TAILS = 8.0  # degrees of freedom of the t distribution: its tails are heavier than those of the target
WIDER = 1.2  # by which the covariance of the points is widened
LEAST_EFFECTIVE = 0.2  # share of the points that must count after tempering
HALVINGS = 12  # of the interval in which the tempering exponent lies


@dataclass(frozen=True)
class Proposal:
    """One t distribution per target: mean (n, d) and a root of its scale matrix (n, d, d)."""

    mean: Floats
    root: Floats

    def points(self, standard: Floats) -> Floats:
        """Return points, given those of the standard t distribution; both of shape (n, S, d)."""
        return np.asarray(self.mean[:, None] + np.einsum("nij,nsj->nsi", self.root, standard))


def proposal_from(points: Floats, weights: Floats, ridge: Floats) -> Proposal:
    """Return the proposal of the points' moments; `ridge`, shape (d, d), keeps a lone point's from collapsing."""
    mean = np.einsum("ns,nsi->ni", weights, points)
    off = points - mean[:, None]
    covariance = np.einsum("ns,nsi,nsj->nij", weights, off, off)
    return Proposal(mean, root_of(WIDER * covariance + ridge))


def root_of(covariance: Floats) -> Floats:
    """Return the lower triangular root of matrices, shape (…, d, d)."""
    return np.asarray(np.linalg.cholesky(covariance))


def standard_t(random: np.random.Generator, rounds: int, points: int, unknowns: int) -> Floats:
    """Return points of the standard t distribution, shape (rounds, points, unknowns), in pairs of opposite ones."""
    half = (rounds, points // 2)
    normal, chi2 = random.standard_normal((*half, unknowns)), random.chisquare(TAILS, half)
    one = normal / np.sqrt(chi2 / TAILS)[..., None]
    return np.concatenate([one, -one], axis=1)


def log_weights(log_target: Floats, standard: Floats) -> Floats:
    """Return log(target / proposal) up to a constant of each target, the largest 0, shape (n, S)."""
    unknowns = standard.shape[-1]
    log_proposal = -0.5 * (TAILS + unknowns) * np.log1p((standard**2).sum(axis=-1) / TAILS)
    weight = log_target - log_proposal
    return np.asarray(weight - weight.max(axis=1, keepdims=True))


def normalised(log_weight: Floats) -> Floats:
    """Return weights that sum to 1 for each target, shape (n, S)."""
    weight = np.exp(log_weight)
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))


def effective(weights: Floats) -> Floats:
    """Return the effective number of points, 1 / Σ w² (Kong 1992), shape (n,)."""
    return np.asarray(1.0 / (weights**2).sum(axis=1))


def tempered(log_weight: Floats) -> Floats:
    """Return weights w^b, normalised, b the largest up to 1 at which LEAST_EFFECTIVE of the points count."""
    finite = np.maximum(log_weight, -1e4)
    least = LEAST_EFFECTIVE * log_weight.shape[1]
    low, high = np.zeros(len(finite)), np.ones(len(finite))
    enough = effective(normalised(finite)) >= least
    for _ in range(HALVINGS):
        middle = (low + high) / 2.0
        counts = effective(normalised(finite * middle[:, None])) >= least
        low, high = np.where(counts, middle, low), np.where(counts, high, middle)
    return normalised(finite * np.where(enough, 1.0, low)[:, None])
