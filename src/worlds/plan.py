"""Decisions as people hand them in, checked and turned into codes per step."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ..contracts.errors import InputError
from ..contracts.time import from_micros, to_micros
from .arms import ARMS, may_receive
from .draws import Integers
from .grid import STEP_DAYS, STEP_MICROS, Grid
from .pilot import NOT_DECIDED
from .population import Population

DECISION_COLUMNS = (
    "decision_id",
    "stakeholder_id",
    "decided_at",
    "intervention",
    "propensity",
    "iteration",
    "policy",
)


def plan_of(
    population: Population, grid: Grid, decisions: pd.DataFrame, control: str, last_step: int
) -> Mapping[int, Integers]:
    """Return codes of shape (n,) by step, NOT_DECIDED where there is no decision.

    Args:
        population: who can be decided about.
        grid: the steps.
        decisions: contract columns; those before the start of decisions are the pilot's and are skipped. The world
            answers what was delivered, where delivered_intervention says so.
        control: the name of the control.
        last_step: no decision may be later.

    Raises:
        InputError: a column is missing; an unknown stakeholder or arm; an arm that may not reach a stakeholder; a
            time off the grid or too late; two decisions for one stakeholder at one time.
    """
    missing = [column for column in DECISION_COLUMNS if column not in decisions.columns]
    if missing:
        raise InputError(
            f"decisions, column {missing[0]}", "the contract's columns", "no such column", "add the column"
        )
    if decisions.empty:
        return {}
    at = to_micros(decisions["decided_at"]).to_numpy()
    later = decisions[at >= grid.begin(grid.start_step)]
    step = _steps(grid, later, last_step)
    row = _rows(population, later)
    later = later.assign(intervention=delivered(later))
    code = _codes(population, later, row, control)
    return {int(s): _spread(len(population.kind), row[step == s], code[step == s]) for s in np.unique(step)}


def delivered(decisions: pd.DataFrame) -> pd.Series:
    """Return the arm that reached each stakeholder: as decided, unless delivered_intervention says another."""
    if "delivered_intervention" not in decisions:
        return decisions["intervention"]
    return decisions["delivered_intervention"].fillna(decisions["intervention"])


def step_of(grid: Grid, instant_micros: int) -> int:
    """Return the step that begins at an instant.

    Raises:
        InputError: the instant is before the history or inside a step.
    """
    step, rest = divmod(instant_micros - grid.origin_micros, STEP_MICROS)
    if rest or step < 0:
        raise InputError(
            "as_of",
            f"a whole number of {STEP_DAYS}-day steps after {_text(grid.origin_micros)}",
            _text(instant_micros),
            f"take {_text(grid.begin(max(step, 0)))}",
        )
    return step


def _text(micros: int) -> str:
    return str(from_micros(np.array([micros])).iloc[0].isoformat())


def _steps(grid: Grid, decisions: pd.DataFrame, last_step: int) -> Integers:
    at = to_micros(decisions["decided_at"]).to_numpy()
    step, rest = np.divmod(at - grid.origin_micros, STEP_MICROS)
    border = f"on a border of {STEP_DAYS}-day steps"
    _refuse(decisions, "decided_at", rest != 0, f"a time {border}", "move it to the border")
    limit = f"no time after {_text(grid.begin(last_step))}"
    _refuse(decisions, "decided_at", step > last_step, limit, "leave later decisions out")
    twice = decisions.duplicated(["stakeholder_id", "decided_at"]).to_numpy()
    _refuse(decisions, "stakeholder_id", twice, "one decision per stakeholder and time", "remove one of the two")
    return np.asarray(step)


def _rows(population: Population, decisions: pd.DataFrame) -> Integers:
    row = pd.Index(population.ids).get_indexer(pd.Index(decisions["stakeholder_id"].astype("str")))
    _refuse(decisions, "stakeholder_id", row < 0, "a stakeholder of this world", "correct or remove the row")
    return np.asarray(row, dtype=np.int64)


def _codes(population: Population, decisions: pd.DataFrame, row: Integers, control: str) -> Integers:
    names = (control, *ARMS)
    code = pd.Index(names).get_indexer(pd.Index(decisions["intervention"].astype("str")))
    _refuse(decisions, "intervention", code < 0, f"one of {', '.join(names)}", "correct the arm's name")
    allowed = np.column_stack([np.ones(len(population.kind), bool), *(may_receive(population, a) for a in ARMS)])
    refused = ~allowed[row, code]
    fix = "assign the control, or an arm that reaches this kind"
    _refuse(decisions, "intervention", refused, "an arm that this stakeholder may receive", fix)
    return np.asarray(code, dtype=np.int64)


def _spread(rows: int, row: Integers, code: Integers) -> Integers:
    codes = np.full(rows, NOT_DECIDED, dtype=np.int64)
    codes[row] = code
    return codes


def _refuse(decisions: pd.DataFrame, column: str, faulty: np.ndarray, expected: str, fix: str) -> None:
    if faulty.any():
        first = int(np.flatnonzero(faulty)[0])
        more = int(faulty.sum()) - 1
        rest = f" ({more} more such rows)" if more else ""
        decision = decisions["decision_id"].iloc[first]
        where = f"decisions, column {column}, decision {decision}"
        raise InputError(where, expected, f"{decisions[column].iloc[first]!r}{rest}", fix)
