"""The whole loop on the simulated world: repro, the world answers, absorb, next as_of, repro, …

Run as `python -m rapport.loop --iterations 3` in the project's root. It moves clock.as_of and clock.iteration of
params.yaml on; an iteration that the ledger holds already is not repeated.
"""

import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

import numpy as np
import pandas as pd
import typer

from .absorb import absorb
from .challenge import challenge
from .contracts.carried_out import canonical_carried_out
from .contracts.cells import Origin
from .contracts.errors import ParamsError
from .contracts.params import Params
from .evaluation.known_truth import true_gains
from .models.logged import Worth, retention_values
from .policy.eligibility import costs
from .publish import publish_run
from .sources.simulated import simulated_world
from .store.console import new_app, run, say
from .store.documents import read_json, write_json
from .store.frames import read_frame
from .store.ledger import read_ledger
from .store.project import ASSIGNMENTS, FEATURES, OUT_OF_FOLD, TRUTH, load_params, overlay_params
from .worlds import TruthTerms, World, answer, truth

app = new_app("Run the loop on the simulated world.")


@app.command()
def main(iterations: Annotated[int, typer.Option(min=1, help="how many iterations to run")] = 3) -> None:
    """Run iterations of decide, answer and absorb."""
    for _ in range(iterations):
        params = next_params(load_params())
        say(f"== iteration {params.clock.iteration}, as of {params.clock.as_of:%Y-%m-%d} ==")
        challenge(params)
        reproduce()
        published = publish_run(params)
        learnt = read_json(OUT_OF_FOLD / "training.json")["uplift"]["by_iteration"]
        say(f"learned from decisions of iterations {learnt}")
        say(f"published models:/{published.name}/{published.version} as {published.alias}: {published.reason}")
        gains = respond(params)
        say(f"truth, money per stakeholder: assigned {gains['assigned']:.2f}, best single arm "
            f"{gains['best_single_arm']:.2f}; of the ceiling {gains['share_of_ceiling']:.1%}")  # fmt: skip
    say(what_is_next(load_params()))


def what_is_next(params: Params) -> str:
    """Return where params.yaml stands once the ledger holds the last iteration, and what goes on from there."""
    clock = params.clock
    return (
        f"params.yaml still stands at iteration {clock.iteration}, as of {clock.as_of:%Y-%m-%d}, which the ledger "
        f"holds now; `make loop ITERATIONS=1` moves the clock on and runs iteration {clock.iteration + 1}"
    )


def next_params(params: Params) -> Params:
    """Return the params of the first iteration that the ledger does not hold, the clock moved on in params.yaml.

    Raises:
        ParamsError: the source is not the simulated world.
    """
    if params.source.kind != "simulated":
        fix = "run `make repro SOURCE=simulated` first; real outcomes come through `rapport absorb`"
        raise ParamsError(
            "params.yaml, source.kind", "simulated, whose world can answer", repr(params.source.kind), fix
        )
    held = len(read_ledger(params.source.kind))
    ahead = held + 1 - params.clock.iteration
    if ahead <= 0:
        return params
    as_of = params.clock.as_of + ahead * timedelta(days=params.clock.horizon_days)
    return overlay_params({"clock.as_of": as_of.isoformat().removesuffix("T00:00:00"), "clock.iteration": held + 1})


def reproduce() -> None:
    """Run `dvc repro`; its output goes to ours.

    Raises:
        SystemExit: with DVC's status, when a stage failed.
    """
    done = subprocess.run([sys.executable, "-m", "dvc", "repro"], check=False)
    if done.returncode != 0:
        sys.exit(done.returncode)


def respond(params: Params) -> Mapping[str, float]:
    """Let the world answer the assignments, absorb what happened, and return the true gains."""
    world, as_of = simulated_world(params), pd.Timestamp(params.clock.as_of).tz_localize("UTC")
    assignments = read_frame(ASSIGNMENTS)
    earlier = [part.decisions for part in read_ledger(params.source.kind)]
    decisions = pd.concat([*earlier, assignments], ignore_index=True)
    gains = _true_gains(world, decisions[decisions["decided_at"] < as_of], assignments, params)
    write_json(TRUTH / f"iteration={params.clock.iteration:04d}.json", gains)
    carried_out, events = answer(world, decisions, as_of)
    carried_out = canonical_carried_out(carried_out, params.interventions.names, Origin("the world's answer"))
    folder, _ = absorb(carried_out, events, params)
    say(f"the world answered: {len(carried_out):,} decisions, {len(events):,} events -> {folder}")
    return gains


def _true_gains(
    world: World, decisions: pd.DataFrame, assignments: pd.DataFrame, params: Params
) -> Mapping[str, float]:
    names = params.interventions.names
    population = read_frame(FEATURES / "population.parquet")
    terms = TruthTerms(params.outcome.value, true_worth(world, population, params))
    known = truth(world, decisions, pd.Timestamp(params.clock.as_of).tz_localize("UTC"), terms)
    known = known.set_index("stakeholder_id").loc[assignments["stakeholder_id"]].reset_index()
    population = population.set_index("stakeholder_id").loc[assignments["stakeholder_id"]].reset_index()
    arm = np.asarray(pd.Index(names).get_indexer(pd.Index(assignments["intervention"])), dtype=np.int64)
    free = ~assignments["reason"].isin(["holdout", "opted_out", "explore"]).to_numpy()
    return true_gains(known, arm, costs(population, params.interventions), names, free)


def true_worth(world: World, population: pd.DataFrame, params: Params) -> Worth:
    """Return what retention is worth: one for all, or for each of the world; who is not in the population counts 0."""
    worth = retention_values(population, params)
    if not isinstance(worth, np.ndarray):
        return worth
    everyone = pd.Series(worth, index=population["stakeholder_id"]).reindex(world.population().ids, fill_value=0.0)
    return np.asarray(everyone, dtype=np.float64)


if __name__ == "__main__":
    run(app)
