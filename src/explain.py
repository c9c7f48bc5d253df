"""The receipt of a decision: arms considered, what decided, the randomness, drivers, hashes; checked by deciding again.

Run as `python -m rapport.explain ID` in the project's root, the id a decision's or a stakeholder's.
"""

from collections.abc import Hashable, Mapping
from dataclasses import asdict
from typing import Annotated, Any

import pandas as pd
import typer

from .contracts.errors import InputError
from .models.bundle import Bundle
from .policy.assigned import Assigned, Outcome, row_of
from .policy.drivers import churn_drivers, gain_drivers
from .policy.receipt import Receipt, receipt, replay
from .report.receipt import Drivers, RiskDrivers, past_parts, receipt_parts
from .report.terminal import WIDE, new_console, show
from .serving.decisions import checked
from .store.bundle import bundle_hashes, read_bundle
from .store.console import new_app, run
from .store.documents import read_json, to_json
from .store.frames import file_digest, read_frame
from .store.ledger import Partition, read_ledger
from .store.project import ASSIGNMENTS, BUNDLE, FEATURES, load_params

app = new_app("Explain why a stakeholder was assigned an arm.")
POPULATION = FEATURES / "population.parquet"


@app.command()
def main(
    asked: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="decision_id of data/assignments or the ledger, of which 8 characters are enough; or stakeholder_id, "
            "for the newest decision there",
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Print the receipt of one decision: the one asked for, or the newest of the stakeholder asked for."""
    assignments = read_frame(ASSIGNMENTS)
    row = row_of(assignments, asked)
    if row is None:
        _past(asked, as_json)
        return
    bundle, population = read_bundle(BUNDLE), read_frame(POPULATION)
    made = receipt(bundle, replay(bundle, checked(population), assignments), assignments, row)
    theirs = population[population["stakeholder_id"] == made.assigned.stakeholder_id]
    risk = RiskDrivers(bundle.churn.calibrator.kind, churn_drivers(bundle, theirs))
    drivers, hashes = _gain_drivers(bundle, theirs, made), _hashes(bundle)
    if as_json:
        print(to_json({"receipt": asdict(made), **_as_document(risk, drivers), "hashes": hashes}), end="")
    else:
        meanings = {each["name"]: each["meaning"] for each in read_json(FEATURES / "features.json")}
        show(receipt_parts(made, risk, drivers, meanings, hashes), new_console(WIDE))


def _gain_drivers(bundle: Bundle, theirs: pd.DataFrame, made: Receipt) -> Drivers | None:
    """Return what the gain of the arm that tells most is made of; None where no gain is known."""
    return None if made.explained is None else Drivers(made.explained, gain_drivers(bundle, theirs, made.explained))


def _hashes(bundle: Bundle) -> dict[str, str]:
    """Return sha256 of what decided and what it decided on."""
    of_bundle = bundle_hashes(BUNDLE)
    return {
        "model": bundle.digest,
        "code": of_bundle["code"],
        "params": of_bundle["params.json"],
        "data": file_digest(POPULATION),
        "assignments": file_digest(ASSIGNMENTS),
    }


def _past(asked: str, as_json: bool) -> None:
    """Print what the ledger remembers, of a stakeholder the newest decision.

    Raises:
        InputError: nobody decided so.
    """
    for partition in reversed(read_ledger(load_params().source.kind)):
        row = None if partition.assignments is None else row_of(partition.assignments, asked)
        if row is not None:
            assigned, outcome = _remembered(partition, row)
            if as_json:
                print(to_json({"assigned": asdict(assigned), "outcome": asdict(outcome), "replayed": False}), end="")
            else:
                show(past_parts(assigned, outcome), new_console(WIDE))
            return
    expected = "a decision_id, or 8 characters of its beginning, or a stakeholder_id of data/assignments or the ledger"
    raise InputError(f"explain {asked}", expected, "neither", "look the id up in either place")


def _remembered(partition: Partition, row: int) -> tuple[Assigned, Outcome]:
    assert partition.assignments is not None
    assigned = Assigned.of(partition.assignments.iloc[row])
    became = partition.decisions[partition.decisions["decision_id"] == assigned.decision_id]
    return assigned, Outcome.of(became.iloc[0]) if len(became) else Outcome()


def _as_document(risk: RiskDrivers, drivers: Drivers | None) -> Mapping[str, Any]:
    of_risk = {"calibration": risk.calibration, "log_odds": risk.log_odds, "contributions": _records(risk.table)}
    of_gain = None if drivers is None else {"arm": drivers.arm, "contributions": _records(drivers.table)}
    return {"churn_drivers": of_risk, "drivers": of_gain}


def _records(table: pd.DataFrame) -> list[dict[Hashable, Any]]:
    return table.drop(columns="stakeholder_id").to_dict("records")


if __name__ == "__main__":
    run(app)
