"""The simulated world's history as raw tables: the source that works from the first day, without any data."""

import pandas as pd

from ..contracts.params import Params
from ..worlds import World, initial_tables
from .raw import RawTables

# The end of the simulated history. Not `clock.as_of`: later iterations move that, and what came before must stay.
START = pd.Timestamp("2025-04-01", tz="UTC")


def simulated_world(params: Params) -> World:
    """Return the world that the params name; `clock.as_of` has no say in it."""
    return World(
        stakeholders=params.source.stakeholders,
        seed=params.seed,
        start=START,
        horizon_days=params.clock.horizon_days,
        control=params.interventions.control,
    )


def read_simulated(params: Params) -> RawTables:
    """Return the world's tables as of its start; later iterations come through the ledger."""
    stakeholders, events, decisions = initial_tables(simulated_world(params))
    return RawTables(stakeholders, events, decisions)
