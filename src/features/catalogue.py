"""The catalogue: all features of histories in column order, as declarations and as one expression for any engine.

It is arithmetic on measures laid side by side (side_by_side.py), which engines count from events (measures.py).
"""

from ibis.expr.types import Table

from .declare import Feature, Material, Pair
from .of_contacts import contact_features
from .of_relationship import relationship_features
from .of_rules import rule_columns
from .of_types import type_features
from .side_by_side import Measured


def declarations(material: Material) -> list[Feature]:
    """Return the features in column order."""
    return [feature for feature, _ in _pairs(material, _measured(material))]


def expression(material: Material) -> Table:
    """Return `row`, every feature and the rules' columns in float64, of the laid measures."""
    measured = _measured(material)
    columns = {feature.name: each.cast("float64") for feature, each in _pairs(material, measured)}
    return measured.table.select("row", **columns, **rule_columns(material, measured))


def _measured(material: Material) -> Measured:
    return Measured(material.measures.names, material.codes)


def _pairs(material: Material, measured: Measured) -> list[Pair]:
    of_types, of_contacts = type_features(material, measured), contact_features(material, measured)
    return [*of_types, *relationship_features(material, measured), *of_contacts]
