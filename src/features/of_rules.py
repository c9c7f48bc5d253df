"""Columns that the rules of deciding read and no feature gives: counts of contacts in their windows, and refusals.

They stand in the tables beside the features, are declared nowhere and never learned from.
"""

from typing import Any

from .declare import Material
from .measures import days
from .side_by_side import Measured


def rule_columns(material: Material, measured: Measured) -> dict[str, Any]:
    """Return the expressions by column name."""
    columns = {
        f"{arm}_count_{window}d": measured.of(arm, f"n_{window}").cast("float64")
        for arm in material.contacts
        for window in material.windows.counted
    }
    if material.rests and not material.refusals:  # none has occurred
        columns["refusals_days_since"] = days(measured.least([], "youngest"))
    return columns
