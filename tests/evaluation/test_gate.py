"""The gate: verdicts by hand, and the error and power it promises, on gains drawn at the edge of both."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from rapport.contracts.params import Gate
from rapport.evaluation.estimate import Estimate
from rapport.evaluation.evidence import Evidence
from rapport.evaluation.gate import compare, judge, without_policy

GATE = Gate()


def gain(value, se, n=100, freedom=math.inf, stakeholders=50.0):
    """Evidence whose standard error is known, unless `freedom` says otherwise."""
    seen = Estimate(value, value - 1.96 * se, value + 1.96 * se, se, n)
    return Evidence(seen, value, se, freedom, stakeholders, 0.0)


def undefined(value, n):
    return Evidence(Estimate(value, None, None, None, n), None, None, None, 0.0, None)


CLEAR, UNCLEAR = gain(3.0, 1.0), gain(1.0, 1.0)


def test_a_comparison_by_hand():
    # look 1 of error 0.05: z = 1.959964, power 0.8: 0.841621; sum 2.801585
    found = compare(gain(3.0, 1.0, 100), 0.0, 1, GATE)
    assert found.bound == pytest.approx(3 - 1.959964, abs=1e-6)
    assert found.proven
    assert found.detectable == pytest.approx(2.801585, abs=1e-6)
    assert (found.rows_needed, found.rows_short) == (88, 0)  # 100 · (2.801585 / 3)² = 87.2
    just = compare(gain(2.0, 1.0, 100), 0.0, 1, GATE)  # proven, though again as likely as not
    assert (just.proven, just.rows_needed, just.rows_short) == (True, 197, 0)
    later = compare(gain(2.0, 1.0, 100), 0.0, 2, GATE)
    assert later.bound == pytest.approx(2 - 2.393980, abs=1e-6)
    assert not later.proven
    # not proven, so more data meet look 3, z = 2.638257: 100 · ((2.638257 + 0.841621) / 2)² = 302.7
    assert (later.rows_needed, later.rows_short) == (303, 203)


def test_a_margin_allows_to_be_a_little_worse():
    strict, lenient = compare(gain(-0.1, 0.1), 0.0, 1, GATE), compare(gain(-0.1, 0.1), 0.5, 1, GATE)
    assert (strict.proven, lenient.proven) == (False, True)
    assert lenient.bound == strict.bound
    assert lenient.detectable == pytest.approx(strict.detectable - 0.5)
    assert strict.rows_needed is None
    assert lenient.rows_needed == int(np.ceil(100 * (2.801585 * 0.1 / 0.4) ** 2))


def test_equal_policies_and_gains_below_zero_are_no_matter_of_more_data():
    same = compare(gain(0.0, 0.0), 0.0, 1, GATE)
    assert (same.proven, same.bound, same.rows_needed, same.rows_short) == (False, 0.0, None, None)
    assert compare(gain(0.0, 0.0), 0.1, 1, GATE).proven


@pytest.mark.parametrize("unknown", [Evidence.none(), undefined(5.0, 3)])
def test_what_has_no_interval_proves_nothing(unknown):
    found = compare(unknown, 0.0, 1, GATE)
    assert (found.bound, found.proven, found.detectable, found.rows_short) == (None, False, None, None)


def test_few_degrees_of_freedom_ask_for_more_by_hand():
    # t(9) at 0.975: 2.262157, with 0.841621 for power 3.103778
    found = compare(gain(3.0, 1.0, 100, freedom=9.0), 0.0, 1, GATE)
    assert found.bound == pytest.approx(3 - 2.262157, abs=1e-6)
    assert found.detectable == pytest.approx(3.103778, abs=1e-6)
    assert found.rows_needed == 108  # 100 · (3.103778 / 3)² = 107.04


def test_too_few_stakeholders_prove_nothing_however_clear_they_are():
    assert compare(gain(9.0, 1.0, 100, stakeholders=10.0), 0.0, 1, GATE).proven
    few = compare(gain(9.0, 1.0, 100, stakeholders=4.0), 0.0, 1, GATE)
    assert (few.proven, few.rows_needed, few.rows_short) == (False, 250, 150)  # 100 · 10 / 4
    assert few.bound > 0
    assert compare(gain(9.0, 1.0, 100, stakeholders=0.0), 0.0, 1, GATE).rows_needed is None


def test_what_the_model_alone_says_does_not_count_and_much_of_it_proves_nothing():
    clear = gain(9.0, 1.0)
    partly = compare(replace(clear, counted=7.0, unsupported=0.05), 0.0, 1, GATE)
    assert (partly.proven, partly.bound) == (True, pytest.approx(7 - 1.959964, abs=1e-6))
    assert not compare(replace(clear, counted=1.0, unsupported=0.05), 0.0, 1, GATE).proven
    mostly = compare(replace(clear, unsupported=0.0501), 0.0, 1, GATE)
    assert (mostly.proven, mostly.rows_needed) == (False, None)
    assert compare(replace(clear, unsupported=0.0501), 0.0, 1, Gate(unsupported=0.1)).proven
    assert compare(replace(clear, unsupported=None), 0.0, 1, GATE).proven  # unknown, as in a bare array of propensities


def test_every_rival_must_be_beaten():
    verdict = judge({"nobody": CLEAR, "random": CLEAR, "champion": CLEAR}, "champion", 1, GATE)
    assert (verdict.outcome, verdict.promoted, verdict.unbeaten) == ("proof", True, ())
    for weak in ("nobody", "random", "champion"):
        gains = dict.fromkeys(("nobody", "random", "champion"), CLEAR) | {weak: UNCLEAR}
        verdict = judge(gains, "champion", 1, GATE)
        assert (verdict.outcome, verdict.promoted, verdict.unbeaten) == ("no_proof", False, (weak,))


def test_the_margin_is_for_the_champion_alone():
    gains = {"nobody": CLEAR, "champion": UNCLEAR}
    assert judge(gains, "champion", 1, GATE, margin=1.0).promoted
    assert not judge(gains, "champion", 1, GATE, margin=0.9).promoted
    assert not judge({"nobody": UNCLEAR, "champion": CLEAR}, "champion", 1, GATE, margin=1.0).promoted


def test_the_first_is_champion_and_what_it_does_not_beat_is_named():
    verdict = judge({"nobody": CLEAR, "random": UNCLEAR}, None, 1, GATE)
    assert (verdict.outcome, verdict.promoted, verdict.unbeaten) == ("first", True, ("random",))


def test_a_later_look_asks_for_more():
    gains = {"nobody": gain(2.2, 1.0), "champion": gain(2.2, 1.0)}
    assert [judge(gains, "champion", look, GATE).promoted for look in (1, 2, 3)] == [True, False, False]
    assert judge(gains, "champion", 2, GATE).level == pytest.approx(0.05 / 6)
    assert judge(gains, "champion", 2, GATE).look == 2


def test_without_effects_only_a_champion_without_effects_is_replaced():
    assert (without_policy(False, 1, GATE).outcome, without_policy(False, 1, GATE).promoted) == ("no_policy", True)
    assert (without_policy(True, 3, GATE).outcome, without_policy(True, 3, GATE).promoted) == ("no_proof", False)
    assert without_policy(True, 3, GATE).level == pytest.approx(0.05 / 12)


def test_a_verdict_is_json():
    verdict = judge({"nobody": CLEAR, "champion": Evidence.none()}, "champion", 1, GATE).as_dict()
    assert json.loads(json.dumps(verdict, allow_nan=False)) == verdict
    assert verdict["rivals"]["nobody"]["rows_short"] == 0
    assert verdict["rivals"]["nobody"]["gain"]["value"] == 3.0
    assert verdict["unbeaten"] == ["champion"]


def test_error_and_power_are_kept_where_one_rival_is_as_good_as_the_challenger():
    # 4,000 draws of the estimate at no gain and at the detectable gain; 99.9 % bands of the binomial.
    rng, draws = np.random.default_rng(52), 4000
    for look in (1, 3):
        detectable = compare(gain(1.0, 2.0), 0.0, look, GATE).detectable
        for truth, rate in ((0.0, 0.05 / (look * (look + 1))), (detectable, 0.8)):
            seen = rng.normal(truth, 2.0, draws)
            promoted = sum(judge({"nobody": CLEAR, "champion": gain(x, 2.0)}, "champion", 1, GATE).promoted
                           if look == 1 else compare(gain(x, 2.0), 0.0, look, GATE).proven for x in seen)  # fmt: skip
            low, high = stats.binom.ppf([0.0005, 0.9995], draws, rate)
            assert low <= promoted <= high


def test_what_does_not_fit_is_refused():
    assert judge({"nobody": CLEAR}, "nobody", 1, GATE).promoted
    with pytest.raises(ValueError, match="gains: expected at least one rival; got none"):
        judge({}, None, 1, GATE)
    with pytest.raises(ValueError, match="champion: expected one of nobody; got 'champion'"):
        judge({"nobody": CLEAR}, "champion", 1, GATE)
