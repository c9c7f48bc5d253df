"""Error spent over looks: by hand, never more than allowed in all, and borne out by chance alone."""

import numpy as np
import pytest
from scipy import stats

from rapport.evaluation.sequential import critical, error_at


def test_by_hand():
    assert [error_at(look, 0.06) for look in (1, 2, 3)] == pytest.approx([0.03, 0.01, 0.005])
    assert critical(1, 0.05) == pytest.approx(stats.norm.ppf(0.975))
    assert critical(4, 0.1) == pytest.approx(stats.norm.ppf(1 - 0.1 / 20))
    assert critical(4, 0.1, 7.5) == pytest.approx(stats.t.ppf(1 - 0.1 / 20, 7.5))


def test_all_looks_together_spend_no_more_than_the_error_and_nearly_all_of_it():
    spent = sum(error_at(look, 0.05) for look in range(1, 10_001))
    assert 0.0499 < spent <= 0.05


def test_looking_on_and_on_at_growing_data_rarely_finds_what_is_not_there():
    # 2,000 random walks, each looked at 20 times; 99.9 % upper end of Binomial(2000, 0.05). Looks at 1.96 fail it.
    rng, looks = np.random.default_rng(51), np.arange(1, 21)
    walks = rng.normal(size=(2000, 20)).cumsum(axis=1) / np.sqrt(looks)
    bounds = np.array([critical(int(look), 0.05) for look in looks])
    allowed = stats.binom.ppf(0.999, 2000, 0.05) / 2000
    assert (walks > bounds).any(axis=1).mean() <= allowed
    assert (walks > bounds[0]).any(axis=1).mean() > allowed


@pytest.mark.parametrize(
    ("look", "error", "message"),
    [(0, 0.05, "look: expected 1 or more; got 0"), (1, 0.0, "error: expected between 0 and 1; got 0.0"),
     (1, 1.0, "error: expected between 0 and 1; got 1.0")],
)  # fmt: skip
def test_what_does_not_fit_is_refused(look, error, message):
    assert critical(1, 0.05) > 0
    with pytest.raises(ValueError, match=message):
        critical(look, error)
