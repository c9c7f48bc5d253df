"""Features against the machine's floor and against pandas: time and peak memory, each case in a process of its own.

`python benchmarks/features.py [--events 1 10 100] [--folder FOLDER]` (millions). The data are made once in FOLDER, in
files named for their size and compression: 100 events a stakeholder over two years, six event types, four channels,
three types with values, one event in fifty known a day late. Cases: `floor`, a bare DuckDB scan and group-by by
stakeholder and event type over the same Parquet (count, sum of values, latest time); `counted`, what ingest counts once
beside writing the history, so that `ours` may choose; `ours`, the default catalogue at one as-of instant;
`ours, 4 instants`, the same for four snapshots in one pass; `pandas`, the same features with group-bys, at sizes that
pandas can do, compared with ours cell by cell at the smallest size.
"""

import argparse
import importlib
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
from rapport.contracts.tables import no_decisions
from rapport.features.build import Featurizer
from rapport.features.engine import open_engine
from rapport.features.history import AMOUNT_UNITS, STORED, Codes
from rapport.features.occurrences import occurrences
from rapport.store.frames import write_parts

AS_OF = "2025-04-01"
DAY = 86_400_000_000
PER_STAKEHOLDER = 100
TYPES = ("contact_call", "contact_mail", "csat", "login", "nps", "purchase", "ticket", "use")
CHANNELS = ("app", "email", "phone", "web")
CODES = Codes(TYPES, CHANNELS)
WINDOWS = (30, 90, 365)
VALUED = (2, 4, 5)  # codes of the types that carry values
THREADS = 2
CODEC = "lz4"


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
               (h // 7) % 4 AS channel, CASE WHEN type IN {VALUED} THEN h % 1000700 END AS amount
        FROM ({drawn})"""
    connection = duckdb.connect(config={"threads": THREADS, "memory_limit": "6GB"})
    batches = connection.execute(table).to_arrow_reader(1_000_000)
    parts = (pa.Table.from_batches([batch]).cast(STORED) for batch in batches)
    write_parts(path, parts, deltas=["position"], codec=CODEC)


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


def counted(path: Path, _: int) -> int:
    """Count types and channels, as the ingest stage does, into a file beside; return how many pairs there are."""
    with open_engine(path, params()) as engine:
        found = occurrences(engine, params())
    path.with_suffix(".json").write_text(json.dumps(found.to_dict("list")))
    return len(found)


def ours(path: Path, events: int) -> int:
    """Make the population's features; return the number of cells."""
    return _ours(path, events, params(), lambda made: made.population())


def ours_snapshots(path: Path, events: int) -> int:
    """Make features and outcomes of everyone at four instants; return the number of cells."""
    return _ours(path, events, params(snapshots=4), lambda made: made.snapshots(no_decisions(["none", "call", "mail"])))


def _ours(path: Path, events: int, settings: Params, tables: Callable[[Featurizer], object]) -> int:
    people, counts = stakeholders(events), counts_of(path)
    with open_engine(path, settings) as engine:
        made = Featurizer(people, CODES, counts, engine, settings)
        return sum(part.num_rows * part.num_columns for part in tables(made))  # type: ignore[attr-defined]


def counts_of(path: Path) -> pd.DataFrame:
    """Return what `counted` wrote."""
    return pd.DataFrame(json.loads(path.with_suffix(".json").read_text()), dtype="int64")


def by_pandas(path: Path, events: int) -> int:
    """Make the same features with group-bys; return the number of cells."""
    return int(pandas_features(path, events).size)


def pandas_features(path: Path, people: int) -> pd.DataFrame:
    """Return the default catalogue of everyone's history at the as-of instant, one row per stakeholder, by pandas."""
    as_of = int(pd.Timestamp(AS_OF, tz="UTC").timestamp()) * 1_000_000
    events = pd.read_parquet(path)
    events = events[(events["at"] < as_of) & (events["known"] < as_of)]
    events = events.assign(age=as_of - events["at"], week=(as_of - events["at"] - 1) // (7 * DAY))
    everyone = pd.RangeIndex(people // PER_STAKEHOLDER, name="stakeholder")
    counts, sums, valued = {}, {}, {}
    for days in WINDOWS:
        grouped = events[events["age"] <= days * DAY].groupby(["stakeholder", "type"])["amount"]
        counts[days] = grouped.size().unstack().reindex(everyone)
        sums[days] = (grouped.sum() / AMOUNT_UNITS).unstack().reindex(everyone)
        valued[days] = grouped.count().unstack().reindex(everyone)
    ages = events.groupby(["stakeholder", "type"])["age"]
    youngest, oldest, n = (each.unstack().reindex(everyone) for each in (ages.min(), ages.max(), ages.size()))
    latest = events[events["amount"].notna()].sort_values("position").groupby(["stakeholder", "type"])["amount"].last()
    last = (latest / AMOUNT_UNITS).unstack().reindex(everyone)
    activity = events[~events["type"].isin([0, 1])]
    found: dict[str, pd.Series] = {}
    for code, name in enumerate(TYPES):
        for days in WINDOWS:
            found[f"{name}_count_{days}d"] = counts[days][code].fillna(0.0)
        found[f"{name}_days_since"] = youngest[code] / DAY
        if code < 2:
            continue
        found[f"{name}_trend"] = counts[30][code].fillna(0) / 30 - counts[365][code].fillna(0) / 365
        gap = (oldest[code] - youngest[code]) / (n[code] - 1).where(n[code] > 1)
        found[f"{name}_gap_days"], found[f"{name}_silence"] = gap / DAY, youngest[code] / gap.where(gap > 0)
        if code in VALUED:
            for days in WINDOWS:
                found[f"{name}_sum_{days}d"] = sums[days][code].fillna(0.0)
            found[f"{name}_mean_365d"] = sums[365][code] / valued[365][code].where(valued[365][code] > 0)
            found[f"{name}_last"] = last[code]
            found[f"{name}_slope"] = _slope(
                [valued[days][code] for days in WINDOWS], [sums[days][code] for days in WINDOWS]
            )
    of_all = activity.groupby("stakeholder")["age"].agg(["min", "max", "size"]).reindex(everyone)
    gap = (of_all["max"] - of_all["min"]) / (of_all["size"] - 1).where(of_all["size"] > 1)
    found["activity_days_since"], found["activity_gap_days"] = of_all["min"] / DAY, gap / DAY
    found["activity_silence"] = of_all["min"] / gap.where(gap > 0)
    for weeks in (13, 52):
        active = activity[activity["week"] < weeks].groupby("stakeholder")["week"].nunique()
        found[f"active_weeks_{weeks}"] = active.reindex(everyone, fill_value=0).astype(float)
    channels = activity[activity["age"] <= 365 * DAY].groupby(["stakeholder", "channel"]).size().unstack()
    shares = channels.fillna(0).div(channels.sum(axis=1), axis=0).reindex(everyone)
    found |= {f"channel_{name}_share": shares[code] for code, name in enumerate(CHANNELS)}
    purchase = TYPES.index("purchase")
    found["rfm_recency_days"] = youngest[purchase] / DAY
    found["rfm_frequency"] = counts[365][purchase].fillna(0.0)
    found["rfm_monetary"] = sums[365][purchase].fillna(0.0) * 0.6
    for days in WINDOWS:
        found[f"contacts_count_{days}d"] = counts[days][[0, 1]].sum(axis=1)
    found["contacts_days_since"] = youngest[[0, 1]].min(axis=1) / DAY
    return pd.DataFrame(found)


def _slope(counts: list[pd.Series], sums: list[pd.Series]) -> pd.Series:
    """Return the least-squares slope of values placed at the middle of the windows' parts, value per 30 days."""
    n = np.diff(np.stack([each.fillna(0) for each in counts]), axis=0, prepend=0)
    v = np.diff(np.stack([each.fillna(0) for each in sums]), axis=0, prepend=0)
    x = -np.add([0, *WINDOWS[:-1]], WINDOWS)[:, None] / 2
    spread = n.sum(0) * (n * x * x).sum(0) - (n * x).sum(0) ** 2
    slope = (n.sum(0) * (v * x).sum(0) - (n * x).sum(0) * v.sum(0)) / np.where(spread == 0, np.nan, spread)
    return pd.Series(slope * 30.0, index=counts[0].index)


def check(path: Path, events: int) -> None:
    """Compare the features that pandas makes with ours, cell by cell.

    Raises:
        AssertionError: names or values differ by more than rounding.
    """
    with open_engine(path, params()) as engine:
        made = Featurizer(stakeholders(events), CODES, counts_of(path), engine, params())
        ours = pa.concat_tables(list(made.population())).to_pandas()
    theirs = pandas_features(path, events)
    ours = ours[[feature.name for feature in made.features if feature.name not in ("kind", "tenure_days")]]
    assert set(ours) == set(theirs), set(ours) ^ set(theirs)
    pd.testing.assert_frame_equal(ours, theirs[ours.columns].reset_index(drop=True), check_dtype=False, rtol=1e-9)


CASES: dict[str, Callable[[Path, int], int]] = {
    "floor": floor,
    "counted": counted,
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
    """Run one case here and print its figures; what it takes to import libraries is in none."""
    importlib.import_module("ibis.backends.sql.compilers")  # Ibis would at the first query
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
    print("| million events | case | s | processor s | peak GiB | times the floor | by processor s |")
    print("|---|---|---|---|---|---|---|")
    for millions in given.events:
        path = given.folder / f"history_{millions}m_{CODEC}.parquet"
        if not path.exists():
            make(millions * 1_000_000, path)
        if "pandas" in given.cases and millions == min(given.events):
            counted(path, millions * 1_000_000)
            check(path, millions * 1_000_000)
        chosen = ["floor", "counted", *(case for case in given.cases if case not in ("floor", "counted"))]
        cases = [case for case in chosen if case != "pandas" or millions <= given.pandas_up_to]
        rounds = [{case: measured(case, path, millions * 1_000_000) for case in cases} for _ in range(given.rounds)]
        for case in cases:
            seconds, cpu, gib = (np.median([each[case][key] for each in rounds]) for key in ("seconds", "cpu", "gib"))
            by_time, by_cpu = (np.median([each[case][key] / each["floor"][key] for each in rounds])
                               for key in ("seconds", "cpu"))  # fmt: skip
            print(f"| {millions} | {case} | {seconds:.1f} | {cpu:.1f} | {gib:.2f} | {by_time:.1f} | {by_cpu:.1f} |",
                  flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
