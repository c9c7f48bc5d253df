"""The tables as a source gives them, before any check."""

from dataclasses import dataclass, field

import pandas as pd

from ..contracts.cells import Origin
from .pieces import Pieces


@dataclass(frozen=True)
class RawTables:
    """Frames with the contract's column names, text or typed.

    Attributes:
        stakeholders: one row per stakeholder.
        events: one row per event; in pieces where they are too many to hold.
        decisions: one row per logged decision; None when there is no such table.
        origins: by table name, what to call it in messages; the table's own name where absent.
        counts: of the source's own rows, before they became the contract's.
    """

    stakeholders: pd.DataFrame
    events: pd.DataFrame | Pieces
    decisions: pd.DataFrame | None = None
    origins: dict[str, Origin] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def origin(self, table: str) -> Origin:
        """Return where a table came from."""
        if table == "events" and isinstance(self.events, Pieces):
            return Origin(str(self.events.parts[0] if len(self.events.parts) == 1 else self.events.name))
        return self.origins.get(table, Origin(table))
