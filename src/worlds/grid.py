"""The steps of a world's time: 30 days each, decisions and horizons on their borders, int64 microseconds."""

from dataclasses import dataclass

from ..contracts.time import MICROS_PER_DAY

STEP_DAYS = 30
STEP_MICROS = STEP_DAYS * MICROS_PER_DAY
YEAR_DAYS = 365.0


@dataclass(frozen=True)
class Grid:
    """Step 0 begins at `origin_micros`; the history ends, and its users' decisions begin, at `start_step`."""

    origin_micros: int
    start_step: int
    horizon_steps: int

    def begin(self, step: int) -> int:
        """Return the first microsecond of a step."""
        return self.origin_micros + step * STEP_MICROS

    def waves(self) -> tuple[int, int, int]:
        """Return the steps of the pilot's waves: three, two and one horizon before the start."""
        first, second, third = (self.start_step - ago * self.horizon_steps for ago in (3, 2, 1))
        return first, second, third
