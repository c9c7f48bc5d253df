"""Answer a request, a population's feature table, with the assignments table of the contract."""

import pandas as pd

from ..contracts.errors import InputError
from ..contracts.ids import normalise_ids
from ..contracts.time import TIMESTAMP_DTYPE
from ..models.bundle import Bundle
from ..policy.decide import decide

_KEYS = ("stakeholder_id", "as_of", "iteration", "opted_out", "kind")


def answer(bundle: Bundle, request: pd.DataFrame) -> pd.DataFrame:
    """Return the assignments for the stakeholders of a request; budget and capacities hold for the request as a whole.

    Args:
        bundle: the models and rules that decide.
        request: stakeholder_id, as_of (UTC), iteration, opted_out, kind and the bundle's feature columns; one row per
            stakeholder, in any order.

    Raises:
        InputError: a column is absent, an id missing or double, or an instant unreadable.
    """
    absent = [name for name in _KEYS if name not in request.columns]
    if absent:
        fix = "use the population table that the featurize stage writes"
        raise InputError("request", f"the columns {', '.join(_KEYS)}", f"no {', '.join(absent)}", fix)
    ids = normalise_ids(request["stakeholder_id"])
    wrong = ids.isna() | ids.duplicated()
    if wrong.any():
        row = int(wrong.to_numpy().argmax()) + 1
        got = repr(request["stakeholder_id"].iloc[row - 1])
        raise InputError(f"request, column stakeholder_id, row {row}", "one row per id", got, "remove the row")
    return decide(bundle, request.assign(
        stakeholder_id=ids,
        as_of=_instants(request["as_of"]),
        iteration=request["iteration"].astype("int64"),
        opted_out=request["opted_out"].astype(bool),
    ))  # fmt: skip


def _instants(values: pd.Series) -> pd.Series:
    try:
        return pd.to_datetime(values, utc=True, format="ISO8601").astype(TIMESTAMP_DTYPE)
    except (ValueError, TypeError) as fault:
        raise InputError(
            "request, column as_of", "UTC timestamps, ISO 8601 where text", str(fault), "correct them"
        ) from None
