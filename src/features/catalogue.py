"""The catalogue: all features of histories in column order, as declarations and as two expressions for any engine.

`measures` reads the events; `expression` is arithmetic on its rows once they are laid side by side (side_by_side.py).
"""

from ibis.expr.types import Table

from .declare import Feature, Material, Pair
from .measures import per_type
from .of_contacts import contact_features
from .of_relationship import relationship_features
from .of_rules import rule_columns
from .of_types import type_features
from .side_by_side import Measured
from .visible import HISTORY, SPINE, visible, visible_at


def declarations(material: Material) -> list[Feature]:
    """Return the features in column order."""
    return [feature for feature, _ in _pairs(material, _measured(material))]


def measures(material: Material, instant: int | None = None) -> Table:
    """Return what is counted of the visible events of each row and event type, as `per_type`.

    Args:
        material: what there is to make features of.
        instant: as-of instant of every row (microseconds), of which there is one per stakeholder: events need not be
            paired with rows then, and `row` is the stakeholder's code. None: any rows.
    """
    wanted = HISTORY if material.whole else HISTORY.filter(HISTORY.type.isin(list(material.codes.values())))
    if instant is None:
        return _per_type(material, visible(wanted, SPINE))
    seen = visible_at(wanted, instant)
    return _per_type(material, seen.mutate(row=seen.stakeholder))


def expression(material: Material) -> Table:
    """Return `row`, every feature and the rules' columns in float64, of the laid measures."""
    measured = _measured(material)
    columns = {feature.name: each.cast("float64") for feature, each in _pairs(material, measured)}
    return measured.table.select("row", **columns, **rule_columns(material, measured))


def _per_type(material: Material, seen: Table) -> Table:
    return per_type(seen, material.windows, material.channels, bool(material.valued), bool(material.partly))


def _measured(material: Material) -> Measured:
    return Measured(measures(material).columns[2:], material.codes)


def _pairs(material: Material, measured: Measured) -> list[Pair]:
    of_types, of_contacts = type_features(material, measured), contact_features(material, measured)
    return [*of_types, *relationship_features(material, measured), *of_contacts]
