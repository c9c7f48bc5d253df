"""The catalogue: all features of histories in column order, as declarations and as one expression for any engine."""

import ibis
from ibis.expr.types import Table

from .declare import Feature, Material, Pair
from .measures import Measured, per_type
from .of_contacts import contact_features
from .of_relationship import relationship_features
from .of_rules import rule_columns
from .of_types import type_features
from .visible import HISTORY, SPINE, visible, visible_at


def declarations(material: Material) -> list[Feature]:
    """Return the features in column order."""
    return [feature for feature, _ in _pairs(material, _measured(material, visible(HISTORY, SPINE)))]


def expression(material: Material, history: Table, spine: Table, instant: int | None = None) -> Table:
    """Return `row`, every feature and the rules' columns in float64, one row per spine row, in any order.

    Args:
        material: what there is to make features of.
        history: unbound, as in visible.HISTORY.
        spine: unbound, as in visible.SPINE.
        instant: as-of instant of every row (microseconds), of which there is one per stakeholder: events need not be
            paired with rows then. None: any rows.
    """
    wanted = history.filter(history.type.isin(list(material.codes.values())))
    if instant is None:
        seen, key = visible(wanted, spine), spine.row
    else:
        seen, key = visible_at(wanted, instant).mutate(row=ibis._.stakeholder), spine.stakeholder
    # Rows without an event join as a row of no type; joined after the features, many columns would be looked up.
    found = _measured(material, seen).table.rename(whose="row")
    measured = Measured(spine.select("row", whose=key).left_join(found, "whose"), material.codes)
    pairs, of_rules = _pairs(material, measured), rule_columns(material, measured)
    columns = {feature.name: each.cast("float64") for feature, each in pairs} | of_rules
    zeros = [feature.name for feature, _ in pairs if feature.missing == "zero"]
    zeros += [name for name in of_rules if "_count_" in name]
    return measured.table.group_by("row").aggregate(**columns).fill_null(dict.fromkeys(zeros, 0.0))


def _measured(material: Material, seen: Table) -> Measured:
    table = per_type(seen, material.windows, material.channels, bool(material.valued), bool(material.partly))
    return Measured(table, material.codes)


def _pairs(material: Material, measured: Measured) -> list[Pair]:
    of_types, of_contacts = type_features(material, measured), contact_features(material, measured)
    return [*of_types, *relationship_features(material, measured), *of_contacts]
