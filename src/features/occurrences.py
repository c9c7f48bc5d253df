"""How often each event type and channel occurred before `as_of`: what the features are chosen by.

The ingest stage counts once, as it writes the history, so that featurize need not read all of it a second time.
"""

import pandas as pd

from ..contracts.params import Params
from ..contracts.time import instant_micros
from .engine import Engine
from .visible import HISTORY, visible_at


def occurrences(engine: Engine, params: Params) -> pd.DataFrame:
    """Return type, channel (codes), events, values (those of them with an amount), one row per pair that occurred."""
    seen = visible_at(HISTORY, instant_micros(params.clock.as_of))
    grouped = seen.group_by("type", "channel").aggregate(events=seen.type.count(), values=seen.amount.count())
    found: pd.DataFrame = engine.query(engine.compile(grouped)).to_pandas()
    return found.astype("int64").sort_values(["type", "channel"], ignore_index=True)
