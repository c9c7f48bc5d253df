"""What the records show of each stakeholder before an instant, counted by step: all that a belief may read."""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pandas as pd

from ..contracts.section import KINDS
from ..contracts.time import to_micros
from .arms import ARMS
from .attributes import PLANS, SIGNS
from .draws import Flags, Floats, Integers
from .grid import STEP_MICROS, Grid
from .pilot import NOT_DECIDED
from .plan import delivered

COUNTED = ("use", "purchase", "ticket", "meeting")
MEASURED = ("use", "purchase")  # whose values are log-normal
SCALES = {"ticket": (1, 5), "csat": (1, 5), "nps": (0, 10)}  # lowest and highest value of a score
LEAST_VALUE = 0.05  # minutes are written to the tenth: 0.0 is less than this


@dataclass(frozen=True)
class Records:
    """Records of n stakeholders before step `steps`; events by step have the shape (n, steps).

    Attributes:
        ids: shape (n,).
        kind, since_micros, opted_out, plan: kind indexes KINDS, plan PLANS; int64 microseconds; shape (n,).
        signs: by attribute, NaN where it is missing, shape (n,).
        counts: by event type of COUNTED.
        logs: by event type of MEASURED, the sum of the logs of the values.
        calls: tickets by phone.
        scores: by event type of SCALES, how often each value, shape (n, steps, values).
        liked, disliked: favourable and unfavourable reactions to the arm decided in the step.
        decided: codes as in `plan_of`.
    """

    ids: pd.Series
    steps: int
    kind: Integers
    since_micros: Integers
    opted_out: Flags
    plan: Integers
    signs: dict[str, Floats]
    counts: dict[str, Floats]
    logs: dict[str, Floats]
    calls: Floats
    scores: dict[str, Floats]
    liked: Floats
    disliked: Floats
    decided: Integers

    def rows(self, chosen: slice) -> "Records":
        """Return the records of some of the stakeholders."""
        arrays = {
            field.name: _rows(value, chosen)
            for field in fields(self)
            if not isinstance(value := getattr(self, field.name), int)
        }
        return replace(self, **arrays)


def read_records(
    tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame], grid: Grid, step: int, control: str
) -> Records:
    """Return what was known just before a step begins of those who are there by then.

    Args:
        tables: stakeholders, events and decisions as in the contract; what became known later is left out.
        grid, step: when.
        control: the name of the control.
    """
    stakeholders, events, decisions = tables
    now = grid.begin(step)
    events = events[to_micros(events["known_at"]) < now]
    left = stakeholders["stakeholder_id"].isin(events.loc[events["event_type"] == "churned", "stakeholder_id"])
    there = stakeholders[~left & (to_micros(stakeholders["since"]) < now)].reset_index(drop=True)
    ids = pd.Index(there["stakeholder_id"])
    told = _Told(ids, grid, step, events[events["stakeholder_id"].isin(ids)])
    past = decisions[decisions["stakeholder_id"].isin(ids) & (to_micros(decisions["decided_at"]) < now)]
    decided = np.full((len(ids), step), NOT_DECIDED, dtype=np.int64)
    at = (to_micros(past["decided_at"]) - grid.origin_micros) // STEP_MICROS
    code = pd.Index((control, *ARMS)).get_indexer(pd.Index(delivered(past)))
    decided[ids.get_indexer(pd.Index(past["stakeholder_id"])), at] = code
    return Records(
        ids=there["stakeholder_id"],
        steps=step,
        kind=pd.Index(KINDS).get_indexer(pd.Index(there["kind"])).astype(np.int64),
        since_micros=to_micros(there["since"]).to_numpy(),
        opted_out=there["opted_out"].to_numpy(dtype=bool),
        plan=pd.Index(PLANS).get_indexer(pd.Index(there["plan"])).astype(np.int64),
        signs={name: there[name].to_numpy(dtype=np.float64) for name in SIGNS},
        counts={name: told.count(told.type == name) for name in COUNTED},
        logs={name: told.sum_of_logs(told.type == name) for name in MEASURED},
        calls=told.count((told.type == "ticket") & told.by_phone),
        scores={name: told.scores(name) for name in SCALES},
        liked=told.count((told.type == "response") & (told.value == 1.0)),
        disliked=told.count((told.type == "response") & (told.value == 0.0)),
        decided=decided,
    )


def _rows(values: Any, chosen: slice) -> Any:
    return {name: each[chosen] for name, each in values.items()} if isinstance(values, dict) else values[chosen]


class _Told:
    """Events of known stakeholders, to be counted by stakeholder and step."""

    def __init__(self, ids: pd.Index, grid: Grid, steps: int, events: pd.DataFrame) -> None:
        step = (to_micros(events["occurred_at"]) - grid.origin_micros) // STEP_MICROS
        self.shape = (len(ids), steps)
        self.cell = ids.get_indexer(pd.Index(events["stakeholder_id"])) * steps + step.to_numpy()
        self.type = events["event_type"].to_numpy(dtype=object)
        self.value = events["value"].to_numpy(dtype=np.float64)
        self.by_phone = (events["channel"] == "phone").to_numpy(dtype=bool, na_value=False)

    def count(self, which: np.ndarray, weights: Floats | None = None) -> Floats:
        total = np.bincount(self.cell[which], weights, self.shape[0] * self.shape[1])
        return total.astype(np.float64).reshape(self.shape)

    def sum_of_logs(self, which: np.ndarray) -> Floats:
        return self.count(which, np.log(np.maximum(self.value[which], LEAST_VALUE)))

    def scores(self, name: str) -> Floats:
        least, most = SCALES[name]
        return np.stack(
            [self.count((self.type == name) & (self.value == value)) for value in range(least, most + 1)], axis=-1
        )
