"""The simulated source gives the world's own tables, whatever `as_of` says."""

import pandas as pd
import pytest

from rapport.contracts.params import Params, parse_params
from rapport.sources.adapters import read_source
from rapport.sources.intake import take_in
from rapport.sources.simulated import START, simulated_world
from rapport.worlds import ARMS


def params(as_of: str = "2025-04-01", seed: int = 1) -> Params:
    return parse_params(
        {
            "seed": seed,
            "source": {"kind": "simulated", "stakeholders": 200},
            "clock": {"as_of": as_of, "horizon_days": 90},
            "outcome": {"churn": {"event": "churned"}, "value": {"purchase": 0.6}, "retention_value": 300.0},
            "interventions": {"control": "none", "arms": {arm: {} for arm in ARMS}},
        }
    )


def test_the_world_passes_intake_whole() -> None:
    raw = read_source(params())
    got = take_in(raw, params())
    assert got.counts["events"] == len(raw.events)
    assert raw.decisions is not None
    assert got.counts["decisions"] == len(raw.decisions)
    assert got.quarantine.empty
    assert got.events["occurred_at"].max() < START


def test_the_history_stays_when_as_of_moves_on() -> None:
    first, later = read_source(params()), read_source(params("2025-06-30"))
    pd.testing.assert_frame_equal(first.events, later.events)
    assert simulated_world(params()) == simulated_world(params("2025-06-30"))


def test_another_seed_is_another_world() -> None:
    with pytest.raises(AssertionError, match="different"):
        pd.testing.assert_frame_equal(read_source(params()).events, read_source(params(seed=2)).events)
