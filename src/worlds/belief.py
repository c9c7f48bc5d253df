"""What the best reader would believe who knows how the world works but sees only its records.

The exact Bayesian belief, up to sampling and to minutes and money as rounded: guesses at the traits are drawn and
weighted by importance sampling, trouble is summed over exactly, guess by guess, by the forward filter of a hidden
Markov chain (Rabiner 1989). Nobody who reads the records ranks better on average. Evaluations of the simulated world
may read it; pipelines must not.
"""

import numpy as np
import pandas as pd

from ..contracts.errors import InputError
from ..contracts.time import instant_micros
from .chain import Chain, following
from .draws import TINY, Draws, Floats, Purpose
from .dynamics import first_steps, trouble_share
from .evidence import Evidence
from .grid import Grid
from .importance import Proposal, effective, log_weights, normalised, proposal_from, root_of, standard_t, tempered
from .plan import step_of
from .population import TRAIT_LOADINGS, Population, Traits, trait_covariance
from .records import Records, read_records
from .truth import TruthTerms, expect
from .world import World

ROUNDS = 8  # of points; the last one counts
BLOCK = 32  # stakeholders at a time
RIDGE = 0.003  # share of the prior's covariance added to that of the points


def belief(
    world: World, tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame], as_of: pd.Timestamp, points: int = 512
) -> pd.DataFrame:
    """Return what is believed of each stakeholder at `as_of`, from what was known before.

    Args:
        world: the world; its population is not looked at.
        tables: stakeholders, any part of them; events; decisions, the pilot's included: as in the contract.
        as_of: UTC, a step's border within or after the history.
        points: guesses at the traits of each stakeholder that count, even.

    Returns:
        one row per stakeholder who is there, in the order of the table: stakeholder_id; churn, the probability of
        leaving within the horizon under the control; trouble, the probability of being in trouble; by trait its mean,
        and sd_<trait>, its standard deviation; effective_points, of `points`.

    Raises:
        InputError: `as_of` is before the history or inside a step; nobody is there.
    """
    step = step_of(world.grid, instant_micros(as_of))
    records = read_records(tables, world.grid, step, world.control)
    if records.ids.empty:
        fix = "pass others, or another instant"
        raise InputError("stakeholders", f"some who are there at {as_of.isoformat()}", "none", fix)
    blocks = [records.rows(slice(first, first + BLOCK)) for first in range(0, len(records.ids), BLOCK)]
    return pd.concat([_believed(world, block, points) for block in blocks], ignore_index=True)


def _believed(world: World, records: Records, points: int) -> pd.DataFrame:
    covariance = trait_covariance()
    keys = [[world.seed, int(Purpose.BELIEF), *text.encode()] for text in records.ids]
    chance = [standard_t(np.random.default_rng(key), ROUNDS, points, len(covariance)) for key in keys]
    *earlier, last = np.stack(chance, axis=1)
    proposal = Proposal(np.zeros((len(keys), len(covariance))), root_of(covariance)[None])
    for standard in earlier:
        guesses = Guesses(world.grid, records, proposal.points(standard))
        weights = tempered(log_weights(guesses.log_target, standard))
        proposal = proposal_from(guesses.points, weights, RIDGE * covariance)
    guesses = Guesses(world.grid, records, proposal.points(last))
    return guesses.summary(normalised(log_weights(guesses.log_target, last)), world.control)


class Guesses:
    """S guesses at the traits of each of n stakeholders, points (n, S, d), and what the records say to them.

    Attributes:
        log_target: log of prior × likelihood up to a constant, shape (n, S).
        shares: probability of being calm, and of being in trouble, now, shape (2, n, S).
    """

    def __init__(self, grid: Grid, records: Records, points: Floats) -> None:
        self.points, self.records = points, records
        population = _population_of(records, points)
        self.chain = Chain(population, grid, {step: records.decided[:, [step]] for step in range(records.steps)})
        evidence = Evidence(records, population, grid)
        log_prior = -0.5 * np.einsum("nsi,ij,nsj->ns", points, np.linalg.inv(trait_covariance()), points)
        log_likelihood, self.shares = _filtered(evidence, self.chain)
        self.log_target = log_prior + evidence.of_attributes() + log_likelihood

    def summary(self, weights: Floats, control: str) -> pd.DataFrame:
        """Return the columns of `belief`."""
        steps = self.records.steps
        _, churn = expect(self.chain.under(control, steps), self.shares, steps, TruthTerms({}, 0.0))
        mean = np.einsum("ns,nsi->ni", weights, self.points)
        variance = np.einsum("ns,nsi->ni", weights, (self.points - mean[:, None]) ** 2)
        traits = {name: mean[:, at] for at, name in enumerate(TRAIT_LOADINGS)}
        doubts = {f"sd_{name}": np.sqrt(variance[:, at]) for at, name in enumerate(TRAIT_LOADINGS)}
        risks = {"churn": (weights * churn).sum(axis=1), "trouble": (weights * self.shares[1]).sum(axis=1)}
        columns = risks | traits | doubts | {"effective_points": effective(weights)}
        return pd.DataFrame({"stakeholder_id": self.records.ids, **columns})


def _population_of(records: Records, points: Floats) -> Population:
    """Return the guesses as people: shape (n, 1) where they are known, (n, S) where they are guessed at."""
    traits = Traits(**dict(zip(TRAIT_LOADINGS, np.moveaxis(points, -1, 0), strict=True)))
    return Population(
        ids=records.ids,
        kind=records.kind[:, None],
        since_micros=records.since_micros[:, None],
        opted_out=records.opted_out[:, None],
        traits=traits,
        draws=Draws(0, len(records.ids)),
    )


def _filtered(evidence: Evidence, chain: Chain) -> tuple[Floats, Floats]:
    """Return the log-likelihood of the records by step, staying included, and the shares after the last step."""
    population, grid, now = chain.population, chain.grid, evidence.records.steps
    begins = first_steps(population, grid)
    shape = population.traits.loyalty.shape
    log_likelihood, shares = np.zeros(shape), np.stack([np.ones(shape), np.zeros(shape)])
    for step in range(now + 1):
        troubled = np.where(begins == step, trouble_share(population, grid, step), shares[1])
        shares = np.stack([1.0 - troubled, troubled])
        if step < now:
            gained, after = _read(evidence, chain, shares, step)
            log_likelihood += np.where(begins <= step, gained, 0.0)
            shares = np.where(begins <= step, after, shares)
    return log_likelihood, shares


def _read(evidence: Evidence, chain: Chain, shares: Floats, step: int) -> tuple[Floats, Floats]:
    """Return the log-likelihood of a step given those before, and the shares after it: Bayes, then the chain."""
    branches = chain.branches(step)
    given = np.stack([evidence.given(branch, step) for branch in branches])
    most = given.max(axis=0)
    after = following(shares * np.exp(given - most), branches)
    total = np.maximum(after.sum(axis=0), TINY)
    return most + np.log(total) + evidence.whatever_the_trouble(step), after / total
