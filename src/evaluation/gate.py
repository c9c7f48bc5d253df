"""The gate: a challenger becomes champion only with proof that it is worth more than every rival.

Rivals are the baselines and the champion. A rival is beaten when the lower bound of the challenger's paired gain over
it lies above minus the margin, at the level that this look may spend (`sequential`), and rests on enough stakeholders;
standard error and degrees of freedom are those of `evidence`. All rivals must be beaten on the
same look; a test that rejects only if each of its parts does keeps the level of one (Berger 1982, Technometrics 24), so
their number needs no correction. Gains must come from rows that chose neither policy. Where proof fails, the verdict
says how much data it is short: with standard error s of n rows, a gain of (t_level + z_power)·s above the margin is
found with the stated power, and s falls with the root of n; the level is that of the next look, which more data meet.
Degrees of freedom are taken as they are, so where they are few rather too many rows are asked for.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any, Literal

from ..contracts.params import Gate
from .estimate import Estimate
from .evidence import LEAST_STAKEHOLDERS, Evidence
from .sequential import critical, error_at

Outcome = Literal["proof", "no_proof", "first", "no_policy"]


@dataclass(frozen=True)
class Comparison:
    """A challenger against one rival; money per decision.

    Attributes:
        gain: the challenger's value less the rival's, with its standard error; `n` the rows behind it.
        margin: how much worse the challenger may be.
        bound: lower bound of the gain that counts, at the look's level; None where the gain is undefined.
        stakeholders: effective number behind the side that fewer are behind; see `Evidence`.
        unsupported: share of the decisions where the model alone could speak; None where unknown.
        proven: whether the bound lies above −margin, with enough stakeholders behind it and little enough unsupported.
        detectable: least gain that as many rows prove with the stated power.
        rows_needed: rows that would prove the gain seen with that power, at the next look where this one does not;
            None where no number would, or none can be told.
    """

    gain: Estimate
    margin: float
    bound: float | None
    stakeholders: float
    unsupported: float | None
    proven: bool
    detectable: float | None
    rows_needed: int | None

    @property
    def rows_short(self) -> int | None:
        """Rows that proof lacks, 0 where there is proof; None where no number would do."""
        if self.proven:
            return 0
        return None if self.rows_needed is None else max(0, self.rows_needed - self.gain.n)


@dataclass(frozen=True)
class Verdict:
    """What the gate says of a challenger.

    Attributes:
        outcome: `proof`; `no_proof`: the champion stays; `first`: there was no champion, so nothing to keep;
            `no_policy`: neither champion nor challenger knows an effect, so neither decides anything.
        promoted: whether the challenger becomes champion.
        look: number of the look, from 1.
        level: one-sided error that the look may spend.
        rivals: comparison by name.
        unbeaten: rivals not shown to be worth less, in the order of `rivals`.
    """

    outcome: Outcome
    promoted: bool
    look: int
    level: float
    rivals: Mapping[str, Comparison]
    unbeaten: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict as a JSON-ready mapping."""
        rivals = {name: {**asdict(each), "rows_short": each.rows_short} for name, each in self.rivals.items()}
        return {**vars(self), "rivals": rivals, "unbeaten": list(self.unbeaten)}


def compare(found: Evidence, margin: float, look: int, gate: Gate) -> Comparison:
    """Return how a challenger stands against one rival.

    Args:
        found: paired gain over the rival, money per decision, with what is behind it.
        margin: at least 0; 0 asks for superiority.
        look: number of the look, from 1.
        gate: error, power, and how much may be unsupported.

    >>> found = Evidence(Estimate(3.0, 1.04, 4.96, 1.0, 100), 3.0, 1.0, 99.0, 40.0, 0.0)
    >>> found = compare(found, 0.0, 1, Gate())
    >>> round(found.bound, 2), found.proven, round(found.detectable, 2), found.rows_needed
    (1.02, True, 2.83, 89)
    """
    gain, about = found.gain, (found.stakeholders, found.unsupported)
    if found.counted is None or found.se is None or found.freedom is None:
        return Comparison(gain, margin, None, *about, False, None, None)
    least = critical(look, gate.error, found.freedom) * found.se
    bound, supported = found.counted - least, (found.unsupported or 0.0) <= gate.unsupported
    proven = bound > -margin and found.stakeholders >= LEAST_STAKEHOLDERS and supported
    detectable = least + NormalDist().inv_cdf(gate.power) * found.se - margin
    needed = _rows_needed(found, margin, look if proven else look + 1, gate) if supported else None
    return Comparison(gain, margin, bound, *about, proven, detectable, needed)


def _rows_needed(found: Evidence, margin: float, look: int, gate: Gate) -> int | None:
    """Return the rows that prove the gain at a look, with enough stakeholders behind it; None: no number does."""
    if found.counted is None or found.se is None or found.freedom is None:
        return None
    ahead = found.counted + margin
    if ahead <= 0 or found.stakeholders == 0:
        return None
    wanted = critical(look, gate.error, found.freedom) + NormalDist().inv_cdf(gate.power)
    times = max((wanted * found.se / ahead) ** 2, LEAST_STAKEHOLDERS / found.stakeholders)
    return math.ceil(found.gain.n * times)


def judge(gains: Mapping[str, Evidence], champion: str | None, look: int, gate: Gate, margin: float = 0.0) -> Verdict:
    """Return the verdict on a challenger.

    Args:
        gains: evidence of its paired gain over each rival, the champion included where there is one.
        champion: the name in `gains` of the champion; None where there is none yet.
        look: number of the look, from 1.
        gate: error and power.
        margin: how much worse than the champion it may be; 0 but for a refresh.

    Raises:
        ValueError: there is no rival, or `champion` is not among them.
    """
    if not gains:
        raise ValueError("gains: expected at least one rival; got none")
    if champion is not None and champion not in gains:
        raise ValueError(f"champion: expected one of {', '.join(gains)}; got {champion!r}")
    rivals = {name: compare(gain, margin if name == champion else 0.0, look, gate) for name, gain in gains.items()}
    unbeaten = tuple(name for name, each in rivals.items() if not each.proven)
    outcome: Outcome = "first" if champion is None else "no_proof" if unbeaten else "proof"
    return Verdict(outcome, outcome != "no_proof", look, error_at(look, gate.error), rivals, unbeaten)


def without_policy(champion_decides: bool, look: int, gate: Gate) -> Verdict:
    """Return the verdict on a challenger that knows no effect: it replaces only a champion that knows none either."""
    outcome: Outcome = "no_proof" if champion_decides else "no_policy"
    return Verdict(outcome, not champion_decides, look, error_at(look, gate.error), {}, ())
