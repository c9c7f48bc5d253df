"""The catalogue: all features of histories in column order, as declarations and as one expression for any engine."""

from ibis.expr.types import Table

from .declare import Feature, Material, Pair
from .measures import Measured, per_type
from .of_contacts import contact_features
from .of_relationship import relationship_features
from .of_rules import rule_columns
from .of_types import type_features
from .visible import HISTORY, SPINE, visible


def declarations(material: Material) -> list[Feature]:
    """Return the features in column order."""
    return [feature for feature, _ in _pairs(material, _measured(material, HISTORY, SPINE))]


def expression(material: Material, history: Table, spine: Table) -> Table:
    """Return `row`, every feature and the rules' columns in float64, one row per spine row, sorted by `row`.

    Args:
        material: what there is to make features of.
        history: unbound, as in visible.HISTORY.
        spine: unbound, as in visible.SPINE.
    """
    measured = _measured(material, history, spine)
    pairs = _pairs(material, measured)
    columns = {feature.name: found.cast("float64") for feature, found in pairs}
    of_rules = rule_columns(material, measured)
    columns |= of_rules
    found = measured.table.group_by("row").aggregate(**columns)
    zeros = {feature.name: 0.0 for feature, _ in pairs if feature.missing == "zero"}
    zeros |= {name: 0.0 for name in of_rules if "_count_" in name}
    return spine.select("row").left_join(found, "row").drop("row_right").fill_null(zeros).order_by("row")


def _measured(material: Material, history: Table, spine: Table) -> Measured:
    wanted = history.filter(history.type.isin(list(material.codes.values())))
    seen = visible(wanted, spine)
    table = per_type(seen, material.windows, material.channels, bool(material.valued), bool(material.partly))
    return Measured(table, material.codes)


def _pairs(material: Material, measured: Measured) -> list[Pair]:
    of_types, of_contacts = type_features(material, measured), contact_features(material, measured)
    return [*of_types, *relationship_features(material, measured), *of_contacts]
