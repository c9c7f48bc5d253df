"""Features against the machine's floor and against pandas: time and peak memory, each case in a process of its own.

`python benchmarks/features.py [--events 1 10 100] [--folder FOLDER]` (millions). The data are made once in FOLDER: 100
events a stakeholder over two years, six event types, four channels, three types with values, one event in fifty known
a day late. Cases: `floor`, a bare DuckDB scan and group-by by stakeholder and event type over the same Parquet (count,
sum of values, latest time); `ours`, the default catalogue at one as-of instant; `ours, 4 instants`, the same for four
snapshots in one pass; `pandas`, most of
them (no slopes, totals over types or shares) with group-bys, at sizes that pandas can do.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from rapport.contracts.params import Params, parse_params
from rapport.features.build import Featurizer
from rapport.features.engine import open_engine
from rapport.features.history import AMOUNT_UNITS, STORED, Codes
from rapport.store.frames import write_parts

AS_OF = "2025-04-01"
DAY = 86_400_000_000
PER_STAKEHOLDER = 100
TYPES = ("contact_call", "contact_mail", "csat", "login", "nps", "purchase", "ticket", "use")
CHANNELS = ("app", "email", "phone", "web")
CODES = Codes(TYPES, CHANNELS)
WINDOWS = (30, 90, 365)
THREADS = 2


def params(snapshots: int = 1) -> Params:
    """Return the default parameters with two arms."""
    return parse_params(
        {
            "threads": THREADS,
            "source": {"kind": "files"},
            "clock": {"as_of": AS_OF, "horizon_days": 90},
            "outcome": {"churn": {"event": "churned"}, "value": {"purchase": 0.6}, "retention_value": 300.0},
            "interventions": {"control": "none", "arms": {"call": {}, "mail": {}}},
            "features": {"windows_days": WINDOWS, "snapshots": snapshots},
        }
    )


def make(events: int, path: Path) -> None:
    """Write a history of so many events, in the form in which the ingest stage writes it."""
    people = events // PER_STAKEHOLDER
    drawn = f"""
        SELECT i // {PER_STAKEHOLDER} AS stakeholder, i AS position, (hash(i) & 1152921504606846975)::BIGINT AS h,
               ((i % {PER_STAKEHOLDER}) * 1000 + hash(i) % 1000)::BIGINT AS thousandth
        FROM range({people * PER_STAKEHOLDER}) events(i)"""
    table = f"""
        SELECT stakeholder, 1680307200000000 + thousandth * {731 * DAY // (1000 * PER_STAKEHOLDER)} AS "at",
               "at" + CASE WHEN h % 50 = 0 THEN {DAY} ELSE 0 END AS known, position,
               [7, 7, 7, 7, 7, 3, 3, 5, 5, 6, 4, 2, 0, 1][1 + (h // 1000) % 14]::BIGINT AS type,
               (h // 7) % 4 AS channel, CASE WHEN type IN (2, 4, 5) THEN h % 1000700 END AS amount
        FROM ({drawn})"""
    connection = duckdb.connect(config={"threads": THREADS, "memory_limit": "6GB"})
    batches = connection.execute(table).to_arrow_reader(1_000_000)
    write_parts(path, (pa.Table.from_batches([batch]).cast(STORED) for batch in batches), deltas=["position"])


def stakeholders(events: int) -> pd.DataFrame:
    """Return the canonical stakeholders table."""
    ids = pd.Series(np.arange(events // PER_STAKEHOLDER)).astype("str").str.zfill(9)
    since = pd.Timestamp("2023-03-01", tz="UTC").as_unit("us")
    return pd.DataFrame({"stakeholder_id": ids, "kind": "customer", "since": since, "opted_out": False})


def floor(path: Path, _: int) -> int:
    """Scan and group, materialised in memory; return the number of groups."""
    connection = duckdb.connect(config={"threads": THREADS, "memory_limit": "4GB", "preserve_insertion_order": False})
    connection.execute(f"""
        CREATE TEMP TABLE found AS SELECT stakeholder, type, count(*) AS n, sum(amount) AS total, max("at") AS latest
        FROM read_parquet('{path}') GROUP BY ALL""")
    (groups,) = connection.execute("SELECT count(*) FROM found").fetchone() or (0,)
    return int(groups)


def ours(path: Path, events: int) -> int:
    """Make the population's features; return the number of cells."""
    return _ours(path, events, params(), lambda made: made.population())


def ours_snapshots(path: Path, events: int) -> int:
    """Make features and outcomes of everyone at four instants; return the number of cells."""
    return _ours(path, events, params(snapshots=4), lambda made: made.snapshots())


def _ours(path: Path, events: int, settings: Params, tables: Callable[[Featurizer], object]) -> int:
    people = stakeholders(events)
    with open_engine(path, settings) as engine:
        made = Featurizer(people, CODES, engine, settings)
        return sum(part.num_rows * part.num_columns for part in tables(made))  # type: ignore[attr-defined]


def by_pandas(path: Path, _: int) -> int:
    """Make most of the features of event types, contacts and the relationship with group-bys; return the cells."""
    as_of = int(pd.Timestamp(AS_OF, tz="UTC").timestamp()) * 1_000_000
    events = pd.read_parquet(path)
    events = events[(events["at"] < as_of) & (events["known"] < as_of)]
    events = events.assign(age=as_of - events["at"], week=(as_of - events["at"]) // (7 * DAY))
    keys = [events["stakeholder"], events["type"]]
    found: dict[str, pd.DataFrame] = {}
    for days in WINDOWS:
        recent = events[events["age"] <= days * DAY]
        grouped = recent.groupby(["stakeholder", "type"])
        found[f"count_{days}d"] = grouped.size().unstack()
        found[f"sum_{days}d"] = (grouped["amount"].sum() / AMOUNT_UNITS).unstack()
        found[f"valued_{days}d"] = grouped["amount"].count().unstack()
    found["trend"] = found["count_30d"].fillna(0) / 30 - found["count_365d"].fillna(0) / 365
    found["mean"] = found["sum_365d"] / found["valued_365d"]
    ages = events.groupby(keys)["age"]
    youngest, oldest, n = ages.min().unstack(), ages.max().unstack(), ages.size().unstack()
    found["days_since"] = youngest / DAY
    found["gap_days"] = (oldest - youngest) / (n - 1) / DAY
    found["silence"] = found["days_since"] / found["gap_days"]
    valued = events[events["amount"].notna()]
    latest = valued.sort_values("position").groupby(["stakeholder", "type"])["amount"].last()
    found["last"] = (latest / AMOUNT_UNITS).unstack()
    activity = events[~events["type"].isin([0, 1])]
    for weeks in (13, 52):
        active = activity[activity["week"] < weeks].groupby("stakeholder")["week"].nunique()
        found[f"active_weeks_{weeks}"] = active.to_frame()
    recent = activity[activity["age"] <= 365 * DAY]
    found["channels"] = recent.groupby(["stakeholder", "channel"]).size().unstack()
    return sum(frame.size for frame in found.values())


CASES: dict[str, Callable[[Path, int], int]] = {
    "floor": floor,
    "ours": ours,
    "ours, 4 instants": ours_snapshots,
    "pandas": by_pandas,
}


def measured(case: str, path: Path, events: int) -> dict[str, float]:
    """Return seconds, processor seconds and peak memory of one case, run in a process of its own."""
    command = [sys.executable, __file__, "--case", case, "--path", str(path), "--count", str(events)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def run_case(case: str, path: Path, events: int) -> None:
    """Run one case here and print its figures."""
    began, used = time.perf_counter(), time.process_time()
    size = CASES[case](path, events)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    took = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - used, "gib": peak, "size": size}
    print(json.dumps(took))


def main() -> None:
    """Print a table of all cases and sizes; ratios are to the floor of the same round, the median of three rounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, nargs="+", default=[1, 10, 100], help="millions")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--pandas-up-to", type=int, default=10, help="millions")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "rapport-benchmark")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case:
        run_case(given.case, given.path, given.count)
        return
    given.folder.mkdir(parents=True, exist_ok=True)
    print("| million events | case | s | processor s | peak GiB | times the floor |\n|---|---|---|---|---|---|")
    for millions in given.events:
        path = given.folder / f"history_{millions}m.parquet"
        if not path.exists():
            make(millions * 1_000_000, path)
        chosen = ["floor", *(case for case in given.cases if case != "floor")]
        cases = [case for case in chosen if case != "pandas" or millions <= given.pandas_up_to]
        rounds = [{case: measured(case, path, millions * 1_000_000) for case in cases} for _ in range(given.rounds)]
        for case in cases:
            ratio = np.median([each[case]["seconds"] / each["floor"]["seconds"] for each in rounds])
            seconds, cpu, gib = (np.median([each[case][key] for each in rounds]) for key in ("seconds", "cpu", "gib"))
            print(f"| {millions} | {case} | {seconds:.1f} | {cpu:.1f} | {gib:.2f} | {ratio:.1f} |", flush=True)


if __name__ == "__main__":
    main()
