"""Answer a request, a population's feature table, with the assignments table of the contract."""

import pandas as pd

from ..contracts.cells import Origin, as_flag, as_time, as_whole_number, refuse
from ..contracts.errors import InputError
from ..contracts.ids import inexact_ids, normalise_ids
from ..contracts.section import KINDS
from ..models.bundle import Bundle
from ..policy.decide import Decided, assignments_of, deliberate

_REQUEST = Origin("request")
_KEYS = ("stakeholder_id", "as_of", "iteration", "opted_out", "kind")


def answer(bundle: Bundle, request: pd.DataFrame) -> pd.DataFrame:
    """Return the assignments for the stakeholders of a request; args and errors as in `decided`."""
    return assignments_of(bundle, decided(bundle, request))


def decided(bundle: Bundle, request: pd.DataFrame) -> Decided:
    """Return the decision for the stakeholders of a request; limits hold for the request as a whole.

    Args:
        bundle: the models and rules that decide.
        request: as `checked` takes it.

    Raises:
        InputError: as `checked`.
    """
    return deliberate(bundle, checked(request))


def checked(request: pd.DataFrame) -> pd.DataFrame:
    """Return a request in the form that is decided on.

    Args:
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
    refuse(inexact_ids(request["stakeholder_id"]), request["stakeholder_id"], _REQUEST, "an id that is exact",
           "write ids as text or whole numbers")  # fmt: skip
    wrong = ids.isna() | ids.duplicated()
    if wrong.any():
        row = int(wrong.to_numpy().argmax()) + 1
        got = repr(request["stakeholder_id"].iloc[row - 1])
        raise InputError(f"request, column stakeholder_id, row {row}", "one row per id", got, "remove the row")
    request = request.reset_index(drop=True)
    table = request.assign(
        stakeholder_id=ids.to_numpy(),
        as_of=as_time(request["as_of"], _REQUEST),
        iteration=as_whole_number(request["iteration"], _REQUEST),
        opted_out=as_flag(request["opted_out"], _REQUEST, default=False),
    )
    refuse(table["as_of"].isna(), request["as_of"], _REQUEST, "a time", "fill it in")
    refuse(~request["kind"].isin(KINDS), request["kind"], _REQUEST, f"one of {', '.join(KINDS)}", "correct the cell")
    return table
