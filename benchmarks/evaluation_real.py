"""The evaluation on real logs: a bandit policy from another policy's log, and the gate's verdicts on two trials.

A trial is split by person into three: one part to learn from, one on which the gate judges, one fresh on which what was
promoted must show again. The champion gives everyone the arm that earned most in the part learned from.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rapport.contracts.params import Gate, Learner, Params, parse_params
from rapport.evaluation.estimate import Estimate, clustered_mean
from rapport.evaluation.evidence import Evidence
from rapport.evaluation.gate import judge
from rapport.evaluation.held import Held
from rapport.evaluation.log import LoggedDecisions
from rapport.evaluation.policies import CHAMPION
from rapport.evaluation.policy_scorecard import evidence_over_rivals
from rapport.evaluation.policy_value import (
    clipped,
    direct,
    doubly_robust,
    ipw,
    logged_policy,
    snips,
    switch,
)
from rapport.evaluation.views import Incumbent
from rapport.models.boosting import Training, fit_booster, predict
from rapport.models.logged import Logged
from rapport.models.uplift import fit_uplift
from rapport.policy.limits import Constraints
from rapport.sources.adapters import preset_path
from rapport.sources.hillstrom import ARMS as HILLSTROM_ARMS
from rapport.sources.starbucks_rewards import CONTROL, read_starbucks_rewards

Floats = NDArray[np.float64]
ITEMS, POSITIONS = 34, 3
HORIZON = pd.Timedelta(days=5)


def open_bandit(folder: Path) -> dict[str, object]:
    """Return the value of `bts` (clicks per display) from random's log beside its own, with relative errors.

    What bts does is taken as its share of each item at each position over the week. `mu` is the item's click rate at
    random on other folds, shrunk towards the mean of all by 500 displays.
    """
    random_log, own = (pd.read_csv(folder / name / "men.csv") for name in ("random", "bts"))
    counts = np.zeros((POSITIONS, ITEMS))
    np.add.at(counts, (own["position"] - 1, own["item_id"]), 1)
    policy = (counts / counts.sum(axis=1, keepdims=True))[random_log["position"] - 1]
    click, item = random_log["click"].to_numpy(dtype=float), random_log["item_id"].to_numpy(dtype=np.int64)
    n = len(click)
    fold = np.random.default_rng(0).integers(5, size=n)
    mu = np.empty((n, ITEMS))
    for k in range(5):
        rows = fold != k
        clicks, shown = (
            np.bincount(item[rows], weights=w, minlength=ITEMS) for w in (click[rows], np.ones(rows.sum()))
        )
        mu[fold == k] = (clicks + 500 * click[rows].mean()) / (shown + 500)
    log = LoggedDecisions(click, item, np.full((n, ITEMS), 1 / ITEMS), np.zeros((n, ITEMS)), mu, np.arange(n))
    truth = clustered_mean(own["click"].to_numpy(dtype=float), np.arange(len(own)))
    estimators = {"ipw": ipw, "snips": snips, "direct": direct, "doubly_robust": doubly_robust, "switch": switch,
                  "clipped": clipped}  # fmt: skip
    found = {name: estimator(log, policy) for name, estimator in estimators.items()}
    return {
        "own_log": rounded(truth),
        "random_policy": rounded(logged_policy(log)),
        "estimates": {
            name: {**rounded(each), "relative_error": round(abs(each.value / truth.value - 1), 3)}  # type: ignore[operator]
            for name, each in found.items()
        },
    }


@dataclass(frozen=True)
class Trial:
    """A randomised trial as arrays; rows are decisions, arm 0 the control, costs nothing."""

    arms: tuple[str, ...]
    X: NDArray[np.float32]
    categories: tuple[int, ...]
    arm: NDArray[np.int64]
    propensity: Floats
    value: Floats
    person: NDArray[np.int64]

    def logged(self, rows: NDArray[np.bool_]) -> Logged:
        """Return some rows to learn from."""
        n = int(rows.sum())
        return Logged(
            arms=self.arms, X=self.X[rows], arm=self.arm[rows], propensity=self.propensity[rows],
            money=self.value[rows], retained=np.zeros(n), retention_value=0.0,
            ids=pd.Series(self.person[rows]).astype("str"), iteration=np.zeros(n, dtype=np.int64),
            eligible=np.ones((n, len(self.arms)), dtype=bool),
        )  # fmt: skip

    def held(self, rows: NDArray[np.bool_], mu: Floats, gain: Floats) -> Held:
        """Return some rows to judge by."""
        log = LoggedDecisions(self.value[rows], self.arm[rows], self.propensity[rows], np.zeros(mu.shape), mu,
                              self.person[rows])  # fmt: skip
        everyone = np.ones(mu.shape, dtype=bool)
        return Held(log, gain, everyone, Constraints(), self.person[rows] % 3, -mu[:, 0], everyone[:, 0], gain)


def hillstrom(folder: Path) -> dict[str, object]:
    """Return the verdicts on spend and on visits."""
    rows = pd.read_csv(folder / "hillstrom.csv")
    names = ("no_email", "mens_email", "womens_email")
    texts, numbers = ["history_segment", "zip_code", "channel"], ["recency", "history", "mens", "womens", "newbie"]
    X = np.column_stack([*(pd.factorize(rows[name], sort=True)[0] for name in texts), rows[numbers]]).astype(np.float32)
    arm = rows["segment"].map(HILLSTROM_ARMS).map(names.index).to_numpy(dtype=np.int64)
    third = np.full(len(rows), 1 / 3)
    trials = {
        outcome: Trial(names, X, (0, 1, 2), arm, third, rows[outcome].to_numpy(dtype=float), np.arange(len(rows)))
        for outcome in ("spend", "visit")
    }
    return {outcome: verdicts(trial, splits=10) for outcome, trial in trials.items()}


def starbucks(folder: Path) -> dict[str, object]:
    """Return the verdicts on net spend in the five days after a wave."""
    return verdicts(_starbucks(folder), splits=3)


def _starbucks(folder: Path) -> Trial:
    tables = read_starbucks_rewards(_params("starbucks_rewards", folder))
    people = tables.stakeholders.drop_duplicates("stakeholder_id").set_index("stakeholder_id")
    events = tables.events.drop_duplicates("event_id")
    money = events[events["event_type"].isin(["transaction", "reward"])]
    money = money.assign(net=money["value"].astype(float) * np.where(money["event_type"] == "reward", -1.0, 1.0))
    decisions = tables.decisions.drop_duplicates(["stakeholder_id", "decided_at"]).reset_index(drop=True)
    parts = []
    for at, wave in decisions.groupby("decided_at"):
        before = money[money["occurred_at"] < at].groupby("stakeholder_id")["net"].agg(["sum", "count"])
        after = money[(money["occurred_at"] >= at) & (money["occurred_at"] < at + HORIZON)]
        joined = wave.join(before, on="stakeholder_id").join(
            after.groupby("stakeholder_id")["net"].sum(), on="stakeholder_id"
        )
        parts.append(joined.assign(days=(at - decisions["decided_at"].min()).days))
    rows = pd.concat(parts, ignore_index=True).join(people[["age", "income", "gender", "since"]], on="stakeholder_id")
    tenure = (rows["decided_at"] - rows["since"]).dt.days
    gender = pd.factorize(rows["gender"], sort=True)[0]
    X = np.column_stack([gender, rows["age"], rows["income"], tenure, rows["sum"].fillna(0), rows["count"].fillna(0),
                         rows["days"]]).astype(np.float32)  # fmt: skip
    names = (CONTROL, *sorted(set(rows["intervention"]) - {CONTROL}))
    arm = rows["intervention"].map(names.index).to_numpy(dtype=np.int64)
    person = pd.factorize(rows["stakeholder_id"], sort=True)[0]
    return Trial(names, X, (0,), arm, rows["propensity"].to_numpy(dtype=float),
                 rows["net"].fillna(0.0).to_numpy(dtype=float), person)  # fmt: skip


def verdicts(trial: Trial, splits: int) -> dict[str, object]:
    """Return for each learner how often it was promoted over some splits, how often confirmed, and the gains seen."""
    found: dict[str, list[dict[str, object]]] = {"rapport": [], "T-learner, argmax": []}
    training = Training(Learner(), 1, 1, trial.categories)
    for seed in range(splits):
        part = np.random.default_rng([401, seed]).permutation(int(trial.person.max()) + 1)[trial.person] % 3
        learn, judged, fresh = part == 0, part == 1, part == 2
        logged = trial.logged(learn)
        model = fit_uplift(logged, training)
        value = {at: model.predict(trial.X[rows], 0.0, 1) for at, rows in (("judged", judged), ("fresh", fresh))}
        effects = {"rapport": {at: effect for at, (_, effect, _) in value.items()}}
        boosters = [fit_booster(logged.X[logged.arm == a], logged.money[logged.arm == a], training, "regression")
                    for a in range(len(trial.arms))]  # fmt: skip
        for at, rows in (("judged", judged), ("fresh", fresh)):
            mu = np.column_stack([predict(each, trial.X[rows], 1) for each in boosters])
            effects.setdefault("T-learner, argmax", {})[at] = mu - mu[:, :1]
        champion = int(np.argmax([logged.money[logged.arm == a].mean() for a in range(len(trial.arms))]))
        for name, effect in effects.items():
            gains = {
                at: _gains(trial.held(rows, value[at][0], np.nan_to_num(effect[at])), champion)
                for at, rows in (("judged", judged), ("fresh", fresh))
            }
            verdict, again = judge(gains["judged"], CHAMPION, 1, Gate()), judge(gains["fresh"], CHAMPION, 1, Gate())
            found[name].append({
                "promoted": verdict.promoted,
                "ahead": all((each.gain.value or 0.0) > 0 for each in gains["judged"].values()),
                "confirmed": all((each.gain.value or 0.0) > 0 for each in gains["fresh"].values()),
                "proof_again": again.promoted,
                "champion": trial.arms[champion],
                "gain": {rival: rounded(each.gain) for rival, each in gains["judged"].items()},
            })  # fmt: skip
    return {name: _summary(each) for name, each in found.items()}


def _gains(held: Held, champion: int) -> dict[str, Evidence]:
    """Return our gain over every rival; the champion gives everyone one arm and has learned from none of these rows."""
    arms = held.worth.shape[1]
    view = np.tile(np.where(np.arange(arms) == champion, float(champion > 0), 0.0), (len(held.worth), 1))
    return evidence_over_rivals(held, Incumbent(view, np.ones(len(view), dtype=bool), Constraints()))


def _summary(splits: list[dict[str, object]]) -> dict[str, object]:
    promoted, ahead = ([each for each in splits if each[key]] for key in ("promoted", "ahead"))
    return {
        "splits": len(splits),
        "promoted": len(promoted),
        "of_these_confirmed_on_fresh": sum(bool(each["confirmed"]) for each in promoted),
        "of_these_proof_again": sum(bool(each["proof_again"]) for each in promoted),
        "ahead_of_all_by_point_estimate": len(ahead),
        "of_these_ahead_again_on_fresh": sum(bool(each["confirmed"]) for each in ahead),
        "first_split": splits[0],
    }


def _params(source: str, folder: Path) -> Params:
    from ruamel.yaml import YAML

    document = YAML(typ="safe").load(preset_path(source))
    document["source"]["path"] = str(folder)
    return parse_params(document)


def rounded(estimate: Estimate) -> dict[str, float | None]:
    """Return value and 95 % interval to five digits."""
    numbers = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
    return {name: None if number is None else float(f"{number:.5g}") for name, number in numbers.items()}
