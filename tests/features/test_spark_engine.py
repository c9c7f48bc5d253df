"""The second engine gives the tables that DuckDB gives, bit for bit, and those that loops over plain records give.

Spark lies beside the other packages (`make test` puts it there), so that this file alone imports it.
"""

import gc
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from histories import (
    AS_OF,
    DAY,
    PEOPLE,
    TABLES,
    Built,
    Event,
    at_the_edges,
    build,
    crowd,
    decision_table,
    event_table,
    history_of,
    params,
    random_past,
    stakeholder_table,
)
from rapport.contracts.errors import ParamsError
from rapport.features import build as building
from rapport.features.build import Featurizer
from rapport.features.engine import open_engine
from rapport.features.history import stored
from rapport.features.occurrences import occurrences
from rapport.features.retention_worth import RetentionWorth
from rapport.features.spark_engine import SparkEngine
from rapport.features.spine import population_spine, relationships, snapshot_spine
from rapport.store.frames import write_parts
from slow_features import assert_agrees

# PySpark says this when it is imported, pandera imports it wherever it can be.
pytestmark = pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning")

SPARK = Path(sys.prefix) / "spark"
RICH: dict[str, Any] = {
    "windows_days": (10, 30, 90),
    "outcome": {"value": {"score": -0.3, "buy": 0.7, "unheard": 5.0}},
    "max_channels": 2,
    "responses": ["Offer viewed!", "score"],
    "refusals": ["visit"],
}


def rich_past() -> tuple[list[Event], Any]:
    """Return ties, late records, missing values, ends of windows, channels, and one who has left, known later."""
    events, log = random_past(5, events=250, decided=30)
    more = at_the_edges(["buy", "visit", "score", "Offer viewed!"])
    fax = Event("dee", AS_OF - 3 * DAY, AS_OF - 3 * DAY, "visit", None, "fax")
    return [*events, *more, fax, Event("cyd", AS_OF - 45 * DAY, AS_OF - 20 * DAY, "left")], log


def java_version() -> int:
    """Return the major version of the `java` on the path, 0 where there is none that runs."""
    if shutil.which("java") is None:
        return 0
    told = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False)
    found = re.search(r'version "(\d+)', told.stderr)
    return int(found[1]) if told.returncode == 0 and found else 0


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """One local session for the file, started by an engine, with a zone that is not UTC."""
    absent = [] if SPARK.is_dir() else [f"no Spark in {SPARK}; `make test` puts it there"]
    absent += [] if java_version() >= 17 else ["no `java` from 17 on the path, which Spark needs"]
    if absent:
        assert not os.environ.get("CI"), f"CI must run the second engine: {absent[0]}"
        pytest.skip(absent[0])
    before = {*sys.modules}
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SPARK)
        first = SparkEngine(crowd(2, 4, 1, seed=0)[1], 1, 1.0)
        for key, value in {
            "spark.sql.session.timeZone": "Asia/Tokyo",
            "spark.sql.codegen.wholeStage": "false",  # plans are wide and tables small: compiling takes longer
            "spark.sql.adaptive.enabled": "false",
        }.items():
            first._session.conf.set(key, value)
        yield first._session
        first.close()
        _end_java()
    for name in {*sys.modules} - before:
        if name.split(".")[0] in ("pyspark", "py4j"):
            del sys.modules[name]


def _end_java() -> None:
    """End the Java process, which PySpark keeps until Python ends, and close what leads to it."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    assert SparkSession.getActiveSession() is None, "an engine stops the session that it started"
    gateway = SparkContext._gateway
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait()
    SparkContext._gateway = SparkContext._jvm = None
    gc.collect()


@pytest.fixture(scope="module")
def on_spark(spark: Any) -> Built:
    """The tables of the rich past."""
    return build(*rich_past(), engine="spark", threads=1, **RICH)


def assert_same_bits(one: Built, other: Built) -> None:
    assert one.features == other.features
    for name in TABLES:
        mine, yours = getattr(one, name), getattr(other, name)
        pd.testing.assert_frame_equal(mine, yours, check_exact=True, obj=name)
        for column in mine.columns[mine.dtypes == "float64"]:
            bits = [np.nan_to_num(each[column].to_numpy(), nan=-0.125).tobytes() for each in (mine, yours)]
            assert bits[0] == bits[1], f"{name}, {column}: not even the sign of zero differs"


def test_every_column_is_the_same_bit_for_bit(on_spark: Built) -> None:
    on_duckdb = build(*rich_past(), **RICH)
    assert len(on_spark.decisions) > 10
    assert len(on_spark.snapshots) > len(on_spark.population) == 3
    assert_same_bits(on_spark, on_duckdb)
    missing = on_spark.snapshots.isna().mean()
    assert ((missing > 0) & (missing < 1)).sum() > 5, "there are missing values beside others"
    on_duckdb.snapshots.loc[0, "visit_trend"] = np.nextafter(on_duckdb.snapshots.loc[0, "visit_trend"], 9)
    with pytest.raises(AssertionError, match="visit_trend"):
        assert_same_bits(on_spark, on_duckdb)


def test_every_feature_row_and_outcome_agrees_with_loops(on_spark: Built) -> None:
    assert_agrees(on_spark, *rich_past(), params(**RICH))


def test_no_event_no_decision_and_no_row(spark: Any) -> None:
    on_spark = build([], [], engine="spark", threads=1)
    assert on_spark.decisions.empty
    assert len(on_spark.population) == len(PEOPLE)
    assert_same_bits(on_spark, build([], []))


def test_the_largest_values_are_the_same(spark: Any) -> None:
    """Sums beyond 2⁵³ units are rounded once, and in one way."""
    sizes = [900_719_925_474.0993, 0.0003, 7.0, 999_999_999_999.5]
    events = [Event(who, AS_OF - day * DAY, AS_OF - day * DAY, "buy", sign * sizes[day % 4])
              for who, sign in (("ann", 1), ("bob", -1)) for day in range(1, 80)]  # fmt: skip
    assert_same_bits(build(events, [], engine="spark", threads=1, snapshots=1), build(events, [], snapshots=1))


def test_a_file_in_parts_gives_what_its_table_gives(
    spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is as ingest writes it: compressed and coded in a way that the engine must know."""
    stakeholders, history, codes = crowd(people=40, events=400, kinds=2, seed=3)
    write_parts(tmp_path / "people's history.parquet", [stored(history)], deltas=["position"], codec="lz4")
    found = []
    for events, engine, rows in ((history, "duckdb", 100), (tmp_path / "people's history.parquet", "spark", 25)):
        monkeypatch.setattr(building, "ROWS_AT_ONCE", rows)
        chosen = params(engine=engine, threads=1)
        with open_engine(events, chosen) as opened:
            parts = list(Featurizer(stakeholders, codes, occurrences(opened, chosen), opened, chosen).population())
        found.append(pa.concat_tables(parts))
        assert len(parts) == -(-40 // rows)
    assert found[0].equals(found[1])


def test_a_session_that_runs_already_is_used_and_not_stopped(spark: Any) -> None:
    with open_engine(crowd(2, 4, 1, seed=0)[1], params(engine="spark")) as engine:
        assert engine._session is spark  # type: ignore[attr-defined]
    assert spark.range(3).count() == 3


def test_spark_that_is_not_installed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin that passes: every other test of this file."""
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with (
        pytest.raises(ParamsError, match=r"params\.yaml, engine: expected an engine that is installed; got 'spark'"),
        open_engine(crowd(2, 4, 1, seed=0)[1], params(engine="spark")),
    ):
        pass
    with open_engine(crowd(2, 4, 1, seed=0)[1], params()) as engine:
        assert engine.query("SELECT 1 AS one").num_rows == 1


def test_worths_of_retention_are_the_same(spark: Any) -> None:
    """Purchases are counted in int64 by both engines, so that the models and every worth agree bit for bit."""
    people, rng = [f"p{number:02}" for number in range(60)], np.random.default_rng(4)
    events = [
        Event(
            str(rng.choice(people)), at, at + int(rng.choice([0, DAY])), str(rng.choice(["buy", "buy", "refund"])), 9.5
        )
        for at in (AS_OF - rng.integers(1, 300 * DAY, 500)).tolist()
    ]
    credited = {"value": {"buy": 0.5, "refund": -0.1}, "retention_value": "clv"}
    stakeholders = stakeholder_table(people)
    worths = []
    for engine in ("duckdb", "spark"):
        how = params(outcome=credited, engine=engine)
        history, codes = history_of(stakeholders, event_table(events), decision_table([]), how)
        with open_engine(history, how) as opened:
            everyone = relationships(stakeholders, codes, opened, how)
            worth = RetentionWorth(everyone, codes, opened, how)
            worths.append([worth.of(spine(everyone, how)).tolist() for spine in (snapshot_spine, population_spine)])
    assert worths[0] == worths[1]
    assert sum(each > 0 for each in worths[0][1]) > 50
