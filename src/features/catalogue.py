"""The catalogue: all features of histories in column order, as declarations and as one expression for any engine."""

from ibis.expr.types import Table

from .declare import Feature, Material, Pair
from .measures import Measured, per_type
from .of_contacts import contact_features
from .of_relationship import relationship_features
from .of_types import type_features
from .visible import HISTORY, SPINE, visible, visible_at


def declarations(material: Material) -> list[Feature]:
    """Return the features in column order."""
    return [feature for feature, _ in _pairs(material, _measured(material, visible(HISTORY, SPINE)))]


def expression(material: Material, history: Table, spine: Table, instant: int | None = None) -> Table:
    """Return `row` and every feature in float64, one row per spine row, sorted by `row`.

    Args:
        material: what there is to make features of.
        history: unbound, as in visible.HISTORY.
        spine: unbound, as in visible.SPINE.
        instant: as-of instant of every row (microseconds), of which there is one per stakeholder: events need not be
            paired with rows then. None: any rows.
    """
    wanted = history.filter(history.type.isin(list(material.codes.values())))
    seen, key = visible(wanted, spine), "row"
    if instant is not None:
        seen, key = visible_at(wanted, instant), "stakeholder"
        seen = seen.mutate(row=seen.stakeholder)
    measured = _measured(material, seen)
    pairs = _pairs(material, measured)
    columns = {feature.name: found.cast("float64") for feature, found in pairs}
    found = measured.table.group_by("row").aggregate(**columns).rename(whose="row")
    zeros = {feature.name: 0.0 for feature, _ in pairs if feature.missing == "zero"}
    rows = spine.select("row", "stakeholder").left_join(found, spine[key] == found.whose)
    return rows.select("row", *columns).fill_null(zeros).order_by("row")


def _measured(material: Material, seen: Table) -> Measured:
    table = per_type(seen, material.windows, material.channels, bool(material.valued), bool(material.partly))
    return Measured(table, material.codes)


def _pairs(material: Material, measured: Measured) -> list[Pair]:
    of_types, of_contacts = type_features(material, measured), contact_features(material, measured)
    return [*of_types, *relationship_features(material, measured), *of_contacts]
