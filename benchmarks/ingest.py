"""The ingest stage on large exports: time and peak memory, each case in a process of its own.

`python benchmarks/ingest.py [--events 5 20] [--forms parquet csv] [--folder FOLDER]` (millions). The exports are made
once in FOLDER: 100 events a stakeholder over two years, in the order of time, ids as text, six event types, four
channels, three types with values, one event in fifty known a day late, one in a thousand written twice.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

PER_STAKEHOLDER = 100
DAY = 86_400_000_000
PARAMS = """
threads: 1
memory_gb: 2
source: {{kind: files, path: {path}}}
clock: {{as_of: "2025-04-01", horizon_days: 90}}
outcome: {{churn: {{event: churned}}, value: {{purchase: 0.6}}, retention_value: 300.0}}
interventions: {{control: none, arms: {{call: {{}}, mail: {{}}}}}}
"""


def make(events: int, folder: Path, form: str) -> None:
    """Write an export of so many events."""
    folder.mkdir(parents=True)
    people = events // PER_STAKEHOLDER
    options = "FORMAT parquet, COMPRESSION zstd" if form == "parquet" else "FORMAT csv, HEADER"
    table = f"""
        SELECT 'e' || i AS event_id, 's' || lpad((hash(i) % {people})::VARCHAR, 8, '0') AS stakeholder_id,
               make_timestamp(1680307200000000 + i * {730 * DAY // events}) AS occurred_at,
               occurred_at + CASE WHEN hash(i) % 50 = 0 THEN INTERVAL 1 DAY ELSE INTERVAL 0 DAY END AS known_at,
               ['use', 'use', 'login', 'purchase', 'ticket', 'nps', 'csat'][1 + (hash(i) % 7)::BIGINT] AS event_type,
               CASE WHEN event_type IN ('purchase', 'nps', 'csat') THEN (hash(i) % 100000) / 100 END AS value,
               ['app', 'email', 'phone', 'web'][1 + ((hash(i) // 7) % 4)::BIGINT] AS channel
        FROM (SELECT unnest(CASE WHEN i % 1000 = 0 THEN [i, i] ELSE [i] END) AS i FROM range({events}) events(i))"""
    connection = duckdb.connect(config={"threads": 1, "memory_limit": "2GB"})
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"COPY ({table}) TO '{folder}/events.{form}' ({options})")
    connection.execute(f"""
        COPY (SELECT 's' || lpad(i::VARCHAR, 8, '0') AS stakeholder_id, 'customer' AS kind,
                     TIMESTAMP '2023-03-01' AS since FROM range({people}) people(i))
        TO '{folder}/stakeholders.{form}' ({options})""")


def measure(export: Path) -> dict[str, object]:
    """Run the stage in a project of its own, in this process, and return what it cost."""
    from rapport import ingest

    with tempfile.TemporaryDirectory() as project:
        os.chdir(project)
        Path("params.yaml").write_text(PARAMS.format(path=export), encoding="utf-8")
        wall, cpu = time.perf_counter(), time.process_time()
        ingest.main()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        counts = json.loads(Path("data/tables/counts.json").read_text())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"seconds": round(wall, 1), "cpu_seconds": round(cpu, 1), "peak_gib": round(peak, 2), "counts": counts}


def main() -> None:
    """Make what is missing, measure each case, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, nargs="+", default=[5, 20], help="millions")
    parser.add_argument("--forms", nargs="+", default=["parquet"], choices=["parquet", "csv"])
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "rapport-ingest")
    parser.add_argument("--case", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case is not None:
        print(json.dumps(measure(arguments.case)))
        return
    for millions in arguments.events:
        for form in arguments.forms:
            export = arguments.folder.resolve() / f"{millions}m-{form}"
            if not export.is_dir():
                make(millions * 1_000_000, export, form)
            run = [sys.executable, __file__, "--case", str(export)]
            done = subprocess.run(run, capture_output=True, text=True, check=True)
            found = json.loads(done.stdout.splitlines()[-1])
            print(f"{millions:3} million {form:8} {found['seconds']:8} s  {found['cpu_seconds']:8} CPU-s  "
                  f"{found['peak_gib']:6} GiB  {found['counts']['events']:,} events kept")  # fmt: skip


if __name__ == "__main__":
    main()
