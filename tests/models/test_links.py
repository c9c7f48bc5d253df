"""Means, slopes and likelihoods of the links agree with each other and with numerical derivatives."""

import numpy as np
import pytest

from rapport.models.links import Link

LINKS = [Link("logit"), Link("log", 40.0, 1.5), Link("identity", 7.0, 0.5)]
SCORE = np.linspace(-2.0, 2.0, 9)
STEP = 1e-5


def outcome(link: Link) -> np.ndarray:
    return np.arange(9) % 2 * 1.0 if link.scale == "logit" else np.linspace(1.0, 90.0, 9)


@pytest.mark.parametrize("link", LINKS, ids=lambda link: link.scale)
def test_derivatives_are_those_of_mean_and_likelihood(link: Link) -> None:
    y = outcome(link)
    rise = (link.mean(SCORE + STEP) - link.mean(SCORE - STEP)) / (2 * STEP)
    np.testing.assert_allclose(link.slope(SCORE), rise, rtol=1e-6)
    gain = (link.log_likelihood(SCORE + STEP, y) - link.log_likelihood(SCORE - STEP, y)) / (2 * STEP)
    np.testing.assert_allclose(link.working(SCORE, y)[0], gain, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("link", LINKS, ids=lambda link: link.scale)
def test_the_information_is_that_expected_at_the_mean(link: Link) -> None:
    """At y = mean the observed information is the expected one, for all three."""
    at = SCORE[4:5]
    y = link.mean(at)
    slopes = [link.working(at + shift, y)[0] for shift in (STEP, -STEP)]
    np.testing.assert_allclose(link.working(at, y)[1], (slopes[1] - slopes[0]) / (2 * STEP), rtol=1e-4)


@pytest.mark.parametrize("link", LINKS, ids=lambda link: link.scale)
def test_score_is_the_inverse_of_mean(link: Link) -> None:
    mean = float(link.mean(np.array([0.7]))[0])
    assert link.score(mean) == pytest.approx(0.7)


def test_currency_changes_nothing() -> None:
    cents = Link("log", 4000.0)
    euros = Link("log", 40.0)
    y = outcome(euros)
    np.testing.assert_allclose(cents.log_likelihood(SCORE, 100 * y), euros.log_likelihood(SCORE, y))
    assert cents.dispersed(SCORE, 100 * y).dispersion == pytest.approx(euros.dispersed(SCORE, y).dispersion)


def test_far_scores_stay_finite() -> None:
    for link in LINKS[:2]:
        assert np.isfinite(link.mean(np.array([-1e6, 1e6]))).all()
        assert np.isfinite(link.log_likelihood(np.array([-1e6, 1e6]), np.array([1.0, 0.0]))).all()
