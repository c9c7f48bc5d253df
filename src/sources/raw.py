"""The tables as a source gives them, before any check."""

from dataclasses import dataclass, field

import pandas as pd

from ..contracts.cells import Origin


@dataclass(frozen=True)
class RawTables:
    """Frames with the contract's column names, text or typed.

    Attributes:
        stakeholders: one row per stakeholder.
        events: one row per event.
        decisions: one row per logged decision; None when there is no such table.
        origins: by table name, what to call it in messages; the table's own name where absent.
        counts: of the source's own rows, before they became the contract's.
    """

    stakeholders: pd.DataFrame
    events: pd.DataFrame
    decisions: pd.DataFrame | None = None
    origins: dict[str, Origin] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def origin(self, table: str) -> Origin:
        """Return where a table came from."""
        return self.origins.get(table, Origin(table))
