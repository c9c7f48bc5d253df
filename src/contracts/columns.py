"""The columns of stakeholders that params name, each by a key; a name that no column bears is refused.

Checked by whoever first sees the columns, and again where they are used, since params may change in between.
"""

from collections.abc import Iterable, Iterator, Sequence

from .errors import ParamsError, listed
from .params import Params
from .rules import rule_columns

_KEYS = ("stakeholder_id", "since")  # in every table, but nothing to decide by


def check_columns(columns: Iterable[str], params: Params) -> None:
    """Refuse params that name no column; conditions, which may name features too, come apart.

    Args:
        columns: of canonical stakeholders.
        params: features left out or audited, the segment, and the columns that rules read.

    Raises:
        ParamsError: names the key and lists the columns.
    """
    there = list(columns)
    attributes = [name for name in there if name not in _KEYS]
    for key, name, known in _named(params, there, attributes):
        if name not in known:
            raise ParamsError(f"params.yaml, {key}", f"a column of stakeholders ({listed(known)})", repr(name),
                              "correct or remove the name")  # fmt: skip


def _named(params: Params, there: Sequence[str],
           attributes: Sequence[str]) -> Iterator[tuple[str, str, Sequence[str]]]:  # fmt: skip
    """Yield key, name and the columns that it may name."""
    yield from (("features.exclude", name, there) for name in params.features.exclude)
    yield from (("features.audit_only", name, there) for name in params.features.audit_only)
    if params.kpis.segment is not None:
        yield "kpis.segment", params.kpis.segment, attributes
    yield from ((key, name, attributes) for name, key in rule_columns(params.interventions, params.decision).items())
