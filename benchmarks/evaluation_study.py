"""Whether the evaluation can be fooled: error and power of the gate, coverage of intervals, verdicts on real data.

    python benchmarks/evaluation_study.py --data path/to/datasets --out docs/benchmarks/evaluation.json

`make evaluation-study` runs it; all chance is seeded. `--only` names parts; the others keep their figures in the file.
"""

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from evaluation_real import hillstrom, open_bandit, starbucks  # type: ignore[import-not-found]
from evaluation_worlds import (  # type: ignore[import-not-found]
    ARMS,
    Draw,
    Floats,
    World,
    draw,
    expected,
    held,
    lines,
    out_of_fold,
    predicted,
    together,
)

from rapport.contracts.params import Gate, Learner
from rapport.evaluation.bootstrap import resampled
from rapport.evaluation.estimate import Estimate
from rapport.evaluation.evidence import Evidence
from rapport.evaluation.gate import Verdict, compare, judge
from rapport.evaluation.held import Held
from rapport.evaluation.log import LoggedDecisions
from rapport.evaluation.policies import CHAMPION
from rapport.evaluation.policy_scorecard import evidence_over_rivals
from rapport.evaluation.policy_value import difference, doubly_robust, ipw, snips
from rapport.evaluation.views import Incumbent
from rapport.models.boosting import Training
from rapport.models.logged import Logged
from rapport.models.propensity import with_estimated_propensities
from rapport.policy.limits import Constraints

GATE = Gate()
LOOKS, WORLDS = 3, 1000
DIFFERENT = World(level=(6.0, 5.0, 4.0), spread=12.0, cost=3.0)
RARE = World(level=(0.0, 14.0, 14.0), spread=25.0, cost=3.0, shape=1.0, rare=0.01)
FEW = World(level=(6.0, 5.0, 4.0), spread=30.0, cost=3.0, mood=15.0, most=19)
SEED = 101
BLUR = 6.0  # of what champion and challenger know, where one is as good as the other
Views = Callable[[list[Draw], np.random.Generator], tuple[Floats, Floats]]


def gains(data: Held, champion: Floats, fresh: np.ndarray) -> dict[str, Evidence]:
    """Return evidence of the challenger's paired gain over every rival, over the champion on fresh rows only."""
    return evidence_over_rivals(data, Incumbent(champion, fresh, Constraints()))


def look(parts: list[Draw], number: int, views: Views, rng: np.random.Generator) -> Verdict:
    """Return the verdict of a look at all parts, of which the champion has seen all but the last."""
    data = together(parts)
    mu, fold = out_of_fold(data)
    challenger, champion = views(parts, rng)
    fresh = np.arange(len(data.value)) >= len(data.value) - len(parts[-1].value)
    ours = mu - mu[:, :1] - data.cost if challenger is None else challenger
    return judge(gains(held(data, mu, fold, ours), champion, fresh), CHAMPION, number, GATE)


def learned(parts: list[Draw], rng: np.random.Generator) -> tuple[Floats | None, Floats]:
    """The challenger is what all data teach out of fold, the champion what those before the last part taught."""
    before, data = together(parts[:-1]), together(parts)
    value = predicted(lines(before, np.ones(len(before.value), dtype=bool)), data.x)
    return None, value - value[:, :1] - data.cost


def blurred(challenger: float, champion: float) -> Views:
    """Both know the true gains but for noise of their own."""

    def views(parts: list[Draw], rng: np.random.Generator) -> tuple[Floats, Floats]:
        truth = together(parts).gain
        both = [truth + rng.normal(0, sd, truth.shape) for sd in (challenger, champion)]
        for view in both:
            view[:, 0] = 0.0
        return both[0], both[1]

    return views


def twins(parts: list[Draw], rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Both know the same, but where the challenger gives the last arm but one the champion gives its rare twin."""
    truth = together(parts).gain
    challenger = truth + rng.normal(0, BLUR, truth.shape)
    challenger[:, 0], challenger[:, -1] = 0.0, np.nan
    champion = challenger.copy()
    champion[:, [-2, -1]] = challenger[:, [-1, -2]]
    return challenger, champion


NULLS: dict[str, tuple[World, int, Views]] = {  # world, people of an iteration, what is known
    "no arm does anything, none costs": (World(), 200, learned),
    "one arm is best for everyone": (World(level=(4.0, 1.0, 0.0), cost=1.0), 200, learned),
    "the champion is as good": (DIFFERENT, 200, blurred(BLUR, BLUR)),
    "the champion is as good, by an arm logged at 1 %": (RARE, 1000, twins),
    "the champion is as good, 60 people of ten decisions each": (FEW, 60, blurred(BLUR, BLUR)),
}  # fmt: skip


def null_worlds() -> dict[str, object]:
    """Return how often a challenger that is worth no more than a rival is promoted in any of some looks."""
    return {name: _null(SEED + at, *world) for at, (name, world) in enumerate(NULLS.items())}


def _null(seed: int, world: World, people: int, views: Views) -> dict[str, object]:
    judged = []
    for number in range(WORLDS):
        rng = np.random.default_rng([seed, number])
        parts, verdicts = [draw(world, people, rng)], []
        for at in range(1, LOOKS + 1):
            parts.append(draw(world, people, rng))
            verdicts.append(look(parts, at, views, rng))
        judged.append(verdicts)
    first = [verdicts[0] for verdicts in judged]
    return {
        "worlds": WORLDS, "looks": LOOKS,
        "promoted_at_first_look": _share([each.promoted for each in first]),
        "promoted_ever": _share([any(each.promoted for each in verdicts) for verdicts in judged]),
        "champion_beaten": _share([each.rivals[CHAMPION].proven for each in first]),
        "champion_beaten_by_1.96": _share([_ahead_by_normal(each.rivals[CHAMPION].gain) for each in first]),
        "best_point_estimate_ever": _share([any(map(_ahead_of_all, verdicts)) for verdicts in judged]),
    }  # fmt: skip


def _share(found: list[bool]) -> float:
    return float(np.mean(found))


def _ahead_by_normal(gain: Estimate) -> bool:
    """What 1.96 standard errors would have proven."""
    return (gain.value or 0.0) > 1.959964 * (gain.se or 0.0)


def _ahead_of_all(verdict: Verdict) -> bool:
    """What choosing by point estimates would have promoted."""
    return all((each.gain.value or 0.0) > 0 for each in verdict.rivals.values())


def power() -> dict[str, object]:
    """Return how often a challenger is promoted whose gain over every rival is at least twice the detectable one."""
    views, rng = blurred(1.0, 30.0), np.random.default_rng(201)
    large = [draw(DIFFERENT, 30_000, rng) for _ in range(2)]
    data = together(large)
    mu, fold = out_of_fold(data)
    ours, champion = views(large, rng)
    everyone = np.ones(len(data.value), dtype=bool)
    truth = gains(held(data, mu, fold, ours), champion, everyone)
    # The champion has only the fresh half of the rows, so it needs as many people again.
    needed = {name: compare(gain, 0.0, 1, GATE).rows_needed or 0 for name, gain in truth.items()}
    # A gain of twice the detectable one takes four times the rows by which it is just detectable.
    rows = 4 * max({**needed, CHAMPION: 2 * needed[CHAMPION]}.values())
    people = int(np.ceil(rows / 2 / 2))  # two parts, two decisions per person on average
    promoted = 0
    for seed in range(WORLDS):
        rng = np.random.default_rng([202, seed])
        parts = [draw(DIFFERENT, people, rng) for _ in range(2)]
        promoted += look(parts, 1, views, rng).promoted
    return {"worlds": WORLDS, "people": 2 * people, "promoted": promoted / WORLDS,
            "gains": {name: round(float(found.gain.value or 0.0), 3) for name, found in truth.items()}}  # fmt: skip


REAL = {"open_bandit": (open_bandit, "open_bandit"), "hillstrom": (hillstrom, "hillstrom"),
        "starbucks": (starbucks, "starbucks_rewards")}  # fmt: skip
DESIGNS = {
    "randomised": (World(spread=10.0, level=(3.0, 2.0, 1.0), cost=1.0, logging="randomised", most=1), "logged"),
    "targeted": (World(spread=10.0, level=(3.0, 2.0, 1.0), cost=1.0, most=1), "logged"),
    "estimated propensity": (World(spread=10.0, level=(3.0, 2.0, 1.0), cost=1.0, most=1), "estimated"),
    "clustered": (World(spread=10.0, level=(3.0, 2.0, 1.0), cost=1.0, mood=30.0, most=5), "logged"),
}
DRAWS, ROWS = 1000, 1000
RULE = np.random.default_rng(6).normal(0, 1.5, (4, ARMS))


def rule(x: Floats) -> Floats:
    """Return the stochastic policy that is valued, (n, ARMS)."""
    share = np.exp(2 * (x @ RULE))
    return np.asarray(share / share.sum(axis=1, keepdims=True))


def coverage() -> dict[str, object]:
    """Return by design how often 95 % intervals of each estimator hold the truth."""
    found = {}
    for at, (name, (world, propensity)) in enumerate(DESIGNS.items()):
        truth, ahead = _true_value(world)
        hits: dict[str, list[bool]] = {}
        for seed in range(DRAWS):
            data = draw(world, ROWS * 2 // (world.most + 1), np.random.default_rng([301 + at, seed]))
            mu, _ = out_of_fold(data)
            shares = data.propensity if propensity == "logged" else _estimated(data)
            log = LoggedDecisions(data.value, data.arm, shares, data.cost, mu, data.person)
            policy = rule(data.x)
            nobody = np.eye(ARMS)[np.zeros(len(policy), dtype=int)]
            estimates = {each.__name__: each(log, policy) for each in (ipw, snips, doubly_robust)}
            estimates["doubly_robust_gain"] = difference(log, policy, nobody)
            estimates["doubly_robust_bootstrap"] = resampled(log, policy, "doubly_robust", seed, 100)
            for key, each in estimates.items():
                target = ahead if key.endswith("gain") else truth
                hits.setdefault(key, []).append((each.low or 0.0) <= target <= (each.high or 0.0))
        found[name] = {"draws": DRAWS, **{key: round(float(np.mean(each)), 4) for key, each in hits.items()}}
    return found


def _true_value(world: World) -> tuple[float, float]:
    """Return the policy's expected net value and its gain over nobody, over half a million people."""
    rng = np.random.default_rng(7)
    value, ahead = [], []
    for _ in range(10):
        x = rng.normal(size=(50_000, 4))
        mean = expected(world, x)
        net = (rule(x) * (mean - np.array([0.0, *[world.cost] * (ARMS - 1)]))).sum(axis=1)
        value.append(net.mean())
        ahead.append((net - mean[:, 0]).mean())
    return float(np.mean(value)), float(np.mean(ahead))


def _estimated(data: Draw) -> Floats:
    """Return the propensity of each logged arm as training estimates it where none was logged, (n,)."""
    rows = len(data.arm)
    logged = Logged(
        arms=tuple(map(str, range(ARMS))), X=data.x.astype(np.float32), arm=data.arm, propensity=np.full(rows, np.nan),
        money=data.value, retained=np.zeros(rows), retention_value=0.0, ids=pd.Series(data.person).astype("str"),
        iteration=np.zeros(rows, dtype=np.int64), eligible=np.ones((rows, ARMS), dtype=bool),
    )  # fmt: skip
    return with_estimated_propensities(logged, Training(Learner(), SEED, 1, ())).propensity


def main() -> None:
    """Run the parts asked for and write their figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=None, help="folder of the public datasets; none: no real logs")
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks/evaluation.json"))
    parser.add_argument("--only", nargs="*", default=None)
    asked = parser.parse_args()
    parts: dict[str, Callable[[], dict[str, object]]] = {
        "null_worlds": null_worlds,
        "power": power,
        "coverage": coverage,
    }
    if asked.data is not None:
        parts |= {name: partial(study, asked.data / folder) for name, (study, folder) in REAL.items()}
    figures = json.loads(asked.out.read_text()) if asked.out.exists() else {}
    for name in asked.only or parts:
        started = time.process_time()
        figures[name] = parts[name]()
        print(name, f"{time.process_time() - started:.0f} CPU-seconds", json.dumps(figures[name]), flush=True)
        asked.out.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
