"""The evaluation of a run as a whole, from out-of-fold predictions only: metrics, groups, and what has changed."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.draws import clusters
from ..contracts.params import Params
from ..models.bundle import Bundle
from ..models.churn_rows import under_control
from .average_effects import average_effects
from .change import gain_drift, outcome_change, risk_drift
from .churn_slices import churn_slices, curve_scorecard, slice_columns
from .gain_scorecard import gain_scorecard, group_scorecard
from .groups import attribute_groups
from .held import Held, held_out
from .pilot import pilot_of
from .policy_scorecard import policy_scorecard
from .proxies import proxies
from .scorecard import churn_scorecard
from .staleness import staleness
from .value_staleness import champion_staleness, value_staleness
from .views import Incumbent, View, incumbent, view_of


@dataclass(frozen=True)
class TrainedRun:
    """What a training left to be judged, and what it is judged by.

    Attributes:
        params: today's.
        bundle: of the training.
        champion: to be beaten; None where there is none.
        split: how the rows of `churn` were held out, in words.
        churn, curve, uplift: out-of-fold rows; `uplift` is empty where there were too few decisions to learn from.
        decisions, snapshots, population: feature tables; `decisions` in the order of `uplift`.
        people: canonical stakeholders.
    """

    params: Params
    bundle: Bundle
    champion: Bundle | None
    split: str
    churn: pd.DataFrame
    curve: pd.DataFrame
    uplift: pd.DataFrame
    decisions: pd.DataFrame
    snapshots: pd.DataFrame
    population: pd.DataFrame
    people: pd.DataFrame


@dataclass(frozen=True)
class _Judged:
    """The logged decisions out of fold, what the model of all of them expects, and the champion's view, if any."""

    held: Held
    whole: View
    rival: Incumbent | None

    @property
    def no_effect(self) -> bool:
        """Whether some may receive arms, but no such arm's effect is known, as where all decisions are the control."""
        return bool(self.held.eligible[:, 1:].any()) and not bool(np.isfinite(self.whole.worth[:, 1:]).any())


def evaluate(run: TrainedRun) -> dict[str, Any]:
    """Return the documents `metrics`, `groups` and `change`, JSON-ready."""
    judged, people = None, len(run.population)
    if not run.uplift.empty:
        held = held_out(run.uplift, run.decisions, run.params, people)
        rival = None if run.champion is None else incumbent(run.champion, run.decisions, held, run.params, people)
        judged = _Judged(held, view_of(run.bundle, run.decisions, held, run.params), rival)
    return {"metrics": _metrics(run, judged), "groups": _groups(run, judged), "change": _change(run, judged)}


def _metrics(run: TrainedRun, judged: _Judged | None) -> dict[str, Any]:
    """Return the quality of churn risk and of the policy, and, where no effect is known, the pilot to learn one by."""
    parts = slice_columns(run.churn["stakeholder_id"], run.churn["as_of"], run.people, run.params)
    rows, curve = (each.assign(cluster=_clusters(each["stakeholder_id"], run)) for each in (run.churn, run.curve))
    churn = {
        "split": run.split,
        **churn_scorecard(rows, run.params),
        "curve": curve_scorecard(curve, run.params),
        "slices": churn_slices(rows, parts, run.params),
    }
    found: dict[str, Any] = {"churn": churn}
    if judged is None or judged.no_effect:
        found["pilot"] = pilot_of(run.snapshots["value"], run.population, run.params.interventions)
    if judged is not None:
        names, iteration = run.params.interventions.names, run.decisions["iteration"].to_numpy(dtype=np.int64)
        value = run.uplift["value"].to_numpy(dtype=np.float64)
        effects = average_effects(judged.held, value, iteration, names)
        found["uplift"] = {
            **policy_scorecard(judged.held, names, judged.whole, judged.rival),
            "average_effects": {arm: effect.as_dict() for arm, effect in effects.items()},
            "gains": gain_scorecard(judged.held, iteration, run.params),
        }
    return found


def _clusters(ids: pd.Series, run: TrainedRun) -> NDArray[np.object_]:
    """Return whose outcomes hang together, shape (n,), of held-out rows that hold no more than the stakeholder."""
    everyone = clusters(run.people, run.params.decision.one_per)
    return everyone.set_axis(run.people["stakeholder_id"]).loc[ids].to_numpy(dtype=object)


def _groups(run: TrainedRun, judged: _Judged | None) -> dict[str, Any]:
    """Return the policy by kind, segment and audited attributes, and what stands in for the latter."""
    if judged is None:
        return {"slices": {}, "proxies": {}}
    ids = run.decisions["stakeholder_id"]
    attributes = attribute_groups(ids, run.people, run.params)
    audited = attributes[[name for name in run.params.features.audit_only if name in attributes]]
    found = proxies(run.bundle, run.decisions, audited, run.params.evaluation.bootstrap)
    return {"slices": group_scorecard(judged.held, attributes, run.params.interventions.names), "proxies": found}


def _change(run: TrainedRun, judged: _Judged | None) -> dict[str, Any]:
    """Return drift of scores and outcomes, and how churn risk and policies age."""
    bundle, untouched = run.bundle, run.snapshots[under_control(run.snapshots)].reset_index(drop=True)
    scores = {"churn_risk": risk_drift(bundle, run.snapshots, run.population)}
    policies: dict[str, Any] = {"learned": [], "champion": []}
    if judged is not None:
        held, people = judged.held, len(run.population)
        scores["best_gain"] = gain_drift(bundle, judged.whole, held.log.cluster, run.population)
        policies = {"learned": value_staleness(held, run.decisions, bundle, people),
                    "champion": champion_staleness(held, judged.rival, run.decisions, run.params, people)}  # fmt: skip
    return {
        "scores": {name: found for name, found in scores.items() if found is not None},
        # Of everyone: who is left alone is chosen by policies, and would seem to have changed with them.
        "outcomes": outcome_change(run.snapshots, bundle.params.decision.one_per),
        "staleness": staleness(bundle.encoding.matrix(untouched), untouched, bundle.training, bundle.params),
        "policy_staleness": policies,
    }
