"""Adaptive importance sampling finds posteriors that are known in closed form."""

import numpy as np

from rapport.worlds.importance import Proposal, effective, log_weights, normalised, proposal_from, standard_t, tempered

PRIOR = np.array([[1.0, 0.6], [0.6, 1.0]])


def posterior(y: np.ndarray, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Return means and covariance given y = first unknown + noise."""
    gain = PRIOR[:, 0] / (1.0 + spread**2)
    return y[:, None] * gain, PRIOR - np.outer(gain, PRIOR[0])


def test_narrow_posteriors_far_from_the_prior_are_found():
    """Means within 4 of their standard errors and spreads within 5 %, in 3 targets; the seed is fixed."""
    y, spread, points, rounds = np.array([-4.0, 0.0, 2.5]), 0.1, 4000, 5
    start = np.broadcast_to(np.linalg.cholesky(PRIOR), (3, 2, 2))
    proposal = Proposal(np.zeros((3, 2)), start)
    chance = np.stack([standard_t(np.random.default_rng(each), rounds, points, 2) for each in range(3)], axis=1)
    for standard in chance:
        drawn = proposal.points(standard)
        log_prior = -0.5 * np.einsum("nsi,ij,nsj->ns", drawn, np.linalg.inv(PRIOR), drawn)
        log_weight = log_weights(log_prior - 0.5 * ((y[:, None] - drawn[..., 0]) / spread) ** 2, standard)
        proposal = proposal_from(drawn, tempered(log_weight), 0.003 * PRIOR)
    weights = normalised(log_weight)
    assert (effective(weights) > 0.5 * points).all()
    mean, covariance = posterior(y, spread)
    found = np.einsum("ns,nsi->ni", weights, drawn)
    deviation = np.sqrt(np.diag(covariance))
    assert (np.abs(found - mean) < 4 * deviation / np.sqrt(effective(weights))[:, None]).all()
    variance = np.einsum("ns,nsi->ni", weights, (drawn - found[:, None]) ** 2)
    np.testing.assert_allclose(np.sqrt(variance), np.broadcast_to(deviation, (3, 2)), rtol=0.05)


def test_tempering_leaves_good_weights_alone_and_makes_a_fifth_of_bad_ones_count():
    log_weight = np.stack([np.zeros(100), np.where(np.arange(100) == 3, 0.0, -50.0 - np.arange(100))])
    weights = tempered(log_weight)
    np.testing.assert_allclose(weights[0], 0.01)
    assert 20.0 <= effective(weights)[1] < 21.0
    assert weights[1].argmax() == 3
    assert effective(normalised(log_weight))[1] < 1.1
