"""Small histories in plain numbers, and the feature tables made of them: what the tests of features share."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pyarrow as pa

from rapport.contracts.cells import Origin
from rapport.contracts.params import Params, parse_params
from rapport.contracts.tables import (
    canonical_decisions,
    canonical_events,
    canonical_stakeholders,
    no_decisions,
    no_events,
)
from rapport.features.build import Featurizer
from rapport.features.catalogue import declarations
from rapport.features.declare import Feature, Material
from rapport.features.engine import Engine, open_engine
from rapport.features.history import Codes, build_history
from rapport.features.occurrences import occurrences
from rapport.store.frames import write_frame

DAY = 86_400_000_000
AS_OF = int(pd.Timestamp("2025-04-01", tz="UTC").timestamp()) * 1_000_000
HORIZON, WINDOWS, SNAPSHOTS, EVERY = 30, (7, 60), 3, 40
SNAPSHOT_INSTANTS = [AS_OF - (HORIZON + EVERY * back) * DAY for back in (2, 1, 0)]
LATEST = SNAPSHOT_INSTANTS[-1]  # the last instant whose horizon is over at AS_OF
PEOPLE = ["ann", "bob", "cyd", "dee"]
SINCE = defaultdict(
    lambda: AS_OF - 500 * DAY,
    {"ann": AS_OF - 900 * DAY, "bob": AS_OF - 100 * DAY, "cyd": AS_OF - 70 * DAY - 1, "dee": AS_OF - 400 * DAY},
)
ARMS = ("none", "call", "mail")
TABLES = ("decisions", "snapshots", "population")


@dataclass(frozen=True)
class Event:
    """An event in plain numbers: times in microseconds."""

    who: str
    at: int
    known: int
    kind: str
    value: float | None = None
    channel: str | None = None


@dataclass(frozen=True)
class Decided:
    """A decision in plain numbers."""

    name: str
    who: str
    at: int
    arm: str


@dataclass(frozen=True)
class Built:
    """The three tables of one run, and what their features are."""

    features: list[Feature]
    decisions: pd.DataFrame
    snapshots: pd.DataFrame
    population: pd.DataFrame

    @property
    def names(self) -> list[str]:
        return [feature.name for feature in self.features]


def params(as_of: int = AS_OF, outcome: dict[str, Any] | None = None, **how: Any) -> Params:
    """Return params; `how` sets threads, memory_gb, engine, kpis, decision; other words are keys of `features`."""
    machine = {key: how.pop(key) for key in ("threads", "memory_gb", "engine", "kpis", "decision") if key in how}
    credited = {"churn": {"event": "left"}, "value": {"buy": 0.5}, "retention_value": 100.0}
    return parse_params(
        {
            "source": {"kind": "files"},
            "clock": {"as_of": pd.Timestamp(as_of, unit="us").isoformat(), "horizon_days": HORIZON},
            "outcome": credited | (outcome or {}),
            "interventions": {"control": "none", "arms": {"call": {}, "mail": {}}},
            "features": {"windows_days": WINDOWS, "snapshots": SNAPSHOTS, "snapshot_every_days": EVERY} | how,
        }
        | {"threads": 2}
        | machine
    )


def instants(micros: Sequence[int]) -> pd.Series:
    return pd.Series(pd.to_datetime(np.array(micros, dtype="int64"), unit="us", utc=True))


def stakeholder_table(people: Sequence[str]) -> pd.DataFrame:
    raw = {"stakeholder_id": people, "kind": "customer", "since": instants([SINCE[who] for who in people])}
    return canonical_stakeholders(pd.DataFrame(raw), Origin("stakeholders"))


def event_table(events: Sequence[Event]) -> pd.DataFrame:
    if not events:  # the contract refuses an export without events
        return no_events()
    raw = {
        "stakeholder_id": [event.who for event in events],
        "occurred_at": instants([event.at for event in events]),
        "known_at": instants([event.known for event in events]),
        "event_type": [event.kind for event in events],
        "value": pd.Series([event.value for event in events], dtype="float64"),
        "channel": pd.Series([event.channel for event in events], dtype="str"),
    }
    return canonical_events(pd.DataFrame(raw), Origin("events"))


def decision_table(decided: Sequence[Decided], arms: Sequence[str] = ARMS) -> pd.DataFrame:
    if not decided:
        return no_decisions(arms)
    raw = {
        "decision_id": [each.name for each in decided],
        "stakeholder_id": [each.who for each in decided],
        "decided_at": instants([each.at for each in decided]),
        "intervention": [each.arm for each in decided],
        "propensity": 0.5,
        "iteration": 1,
        "policy": "test",
    }
    return canonical_decisions(pd.DataFrame(raw), arms, Origin("decisions"))


def history_of(
    stakeholders: pd.DataFrame, events: pd.DataFrame, decisions: pd.DataFrame, params: Params
) -> tuple[pd.DataFrame, Codes]:
    interventions = params.interventions
    return build_history(stakeholders, events, decisions, interventions.control, list(interventions.arms))


@contextmanager
def featurizer(
    stakeholders: pd.DataFrame, events: pd.DataFrame, decisions: pd.DataFrame, params: Params
) -> Iterator[Featurizer]:
    """Yield what makes the features of canonical tables."""
    history, codes = history_of(stakeholders, events, decisions, params)
    with open_engine(history, params) as engine, patch("rapport.features.build.declarations", _declared):
        made = Featurizer(stakeholders, codes, occurrences(engine, params), engine, params)
        _reuse_sql(made, engine)
        yield made


def featurized(stakeholders: pd.DataFrame, events: pd.DataFrame, decisions: pd.DataFrame, params: Params) -> Built:
    """Return the three tables of canonical tables."""
    with featurizer(stakeholders, events, decisions, params) as made:
        parts = (made.decisions(decisions)[0], made.snapshots(decisions), made.population())
        tables = [pa.concat_tables(list(each)).to_pandas() for each in parts]
        return Built(made.features, *tables)


def build(events: Sequence[Event], decided: Sequence[Decided], people: Sequence[str] = PEOPLE, **how: Any) -> Built:
    """Return the three tables of histories in plain numbers."""
    return featurized(stakeholder_table(people), event_table(events), decision_table(decided), params(**how))


def random_past(seed: int, events: int = 120, decided: int = 16) -> tuple[list[Event], list[Decided]]:
    """Return a history full of ties in time and late records; nobody leaves. Decisions stand by name."""
    rng = np.random.default_rng(seed)
    kinds, values = ["buy", "visit", "score"], [None, 0.0, 1.25, -3.5, 10.0001, 99.99]
    history = []
    for _ in range(events):
        at = AS_OF - int(rng.integers(0, 150)) * DAY - int(rng.integers(0, 2))
        known = at + int(rng.choice([0, 0, 0, 1, DAY, 35 * DAY]))
        kind = str(rng.choice(kinds))
        value = None if kind == "visit" else values[int(rng.integers(len(values)))]
        channel = [None, "web", "phone"][int(rng.integers(3))]
        history.append(Event(str(rng.choice(PEOPLE)), at, known, kind, value, channel))
    log = [Decided(f"d {who}", who, LATEST - DAY, ARMS[at % 3]) for at, who in enumerate(PEOPLE)]
    for number in range(decided):
        at = AS_OF - int(rng.integers(0, 90)) * DAY
        log.append(Decided(f"d{number:02}", str(rng.choice(PEOPLE)), at, str(rng.choice(ARMS))))
    return history, log


def at_the_edges(kinds: Sequence[str]) -> list[Event]:
    """Return events of ann's and bob's exactly at the ends of windows and weeks, and a microsecond to either side."""
    days = [0, 7, 10, 14, 30, 60, 90, 91, 364]
    times = [at - back * DAY + micros for at in (AS_OF, *SNAPSHOT_INSTANTS) for back in days for micros in (-1, 0, 1)]
    return [
        Event(PEOPLE[number % 2], at, at + number % 3, kinds[number % len(kinds)], (None, number / 8)[number % 5 > 0])
        for number, at in enumerate(times)
    ]


def crowd(people: int, events: int, kinds: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, Codes]:
    """Return stakeholders, history and codes of many people, made at once: events over 400 days, known at once."""
    rng = np.random.default_rng(seed)
    at = AS_OF - rng.integers(1, 400 * DAY, events)
    columns = {
        "stakeholder": rng.integers(0, people, events),
        "at": at,
        "known": at,
        "type": rng.integers(0, kinds, events) + 2,
        "channel": rng.integers(-1, 3, events),
        "amount": pd.array(rng.integers(-(10**6), 10**6, events), "Int64"),
    }
    history = pd.DataFrame(columns).sort_values(["stakeholder", "at"], kind="stable", ignore_index=True)
    history.insert(3, "position", history.index.astype("int64"))
    columns = {"stakeholder_id": [f"p{number:06}" for number in range(people)], "kind": "customer", "opted_out": False}
    stakeholders = pd.DataFrame(columns).assign(since=instants([AS_OF - 900 * DAY] * people))
    types = ("contact_call", "contact_mail", *(f"type{number}" for number in range(kinds)))
    return stakeholders, history, Codes(types, ("phone", "post", "web"))


def written(frame: pd.DataFrame, folder: Path) -> bytes:
    """Return the bytes of the table as the store writes it."""
    path = folder / "table.parquet"
    write_frame(path, frame)
    return path.read_bytes()


def assert_same_bytes(one: Built, other: Built, folder: Path) -> None:
    assert one.features == other.features
    for name in TABLES:
        assert written(getattr(one, name), folder) == written(getattr(other, name), folder), name


def same_cells(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Return where two tables of one shape hold the same, missing beside missing included."""
    return (one == other) | (one.isna() & other.isna())


# What is made of the material alone is made once for all tables: Ibis takes most of a second for it.
_SQL: dict[str, str] = {}
_DECLARED: dict[str, list[Feature]] = {}


def _declared(material: Material) -> list[Feature]:
    key = repr(material)
    if key not in _DECLARED:
        _DECLARED[key] = declarations(material)
    return _DECLARED[key]


def _reuse_sql(made: Featurizer, engine: Engine) -> None:
    key = f"{type(engine).__name__} {made._material!r}"
    if key not in _SQL:
        _SQL[key] = made._features_sql
    vars(made)["_features_sql"] = _SQL[key]
