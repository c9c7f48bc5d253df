"""The drivers of one stakeholder's gain and churn risk, and what drives gains on average: tables that people read."""

import numpy as np
import pandas as pd

from ..contracts.draws import uniform_by_id
from ..contracts.errors import InputError
from ..models.bundle import Bundle
from ..models.drivers import Contributions, churn_contributions, effect_contributions
from ..models.logged import Floats, retention_values
from .eligibility import costs, eligible, expected_costs

BASELINE = "baseline"  # of the average row that the models learned from
COST = "cost"  # of the arm, expected where it is due on success
CHURN_RISK = "churn_risk"
SAMPLE = 300  # stakeholders behind averages: exact contributions take about 2 ms of each


def gain_drivers(bundle: Bundle, rows: pd.DataFrame, arm: str) -> pd.DataFrame:
    """Return what adds up to each stakeholder's gain of an arm, money; models.drivers says how.

    Args:
        bundle: models and rules.
        rows: some of a population's feature table, n ≥ 1; whether a stakeholder may receive the arm has no say.
        arm: other than the control.

    Returns:
        stakeholder_id, feature, value and contribution: for each stakeholder `BASELINE`, `COST`, then all features from
        the largest contribution by size to the smallest, ties by name. The contributions sum to the gain.

    Raises:
        InputError: no effect of the arm was learned, or a row's retention has no worth.
    """
    if bundle.uplift is None:
        raise InputError("drivers of a gain", "a bundle with effects", "one without", "log decisions, then train")
    worth = retention_values(rows, bundle.params)
    found = effect_contributions(bundle.uplift, bundle.encoding.matrix(rows), arm, worth, bundle.params.threads)
    catalogue = bundle.params.interventions
    cost = expected_costs(costs(rows, catalogue), bundle.predict(rows).success, catalogue)
    return _table(bundle, rows, found, {COST: -cost[:, catalogue.names.index(arm)]})


def churn_drivers(bundle: Bundle, rows: pd.DataFrame) -> pd.DataFrame:
    """Return what adds up to the log-odds of each stakeholder's churn risk, before any isotonic calibration.

    Args:
        bundle: models and rules.
        rows: some of a population's feature table, n ≥ 1.

    Returns:
        a table as `gain_drivers` gives it, without `COST`, and odds_factor = exp(contribution): the odds of the average
        row that the model learned from, then by how much each feature multiplies them.
    """
    X = bundle.encoding.matrix(rows)
    found = _table(bundle, rows, churn_contributions(bundle.churn, X, bundle.params.threads), {})
    return found.assign(odds_factor=np.exp(found["contribution"]))


def average_drivers(bundle: Bundle, table: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return the mean size of each feature's contribution: to `CHURN_RISK`, log-odds, and to each arm's effect, money.

    Args:
        bundle: models and rules.
        table: a population's feature table; of those who may receive an arm up to SAMPLE, drawn by id, are explained.

    Returns:
        by feature for churn risk and each arm with an estimated effect that someone may receive.
    """
    drawn = np.argsort(uniform_by_id(table["stakeholder_id"], "drivers"), kind="stable")
    drawn = drawn[~table["opted_out"].to_numpy(dtype=bool)[drawn]]
    may, threads = eligible(table["kind"], bundle.params.interventions), bundle.params.threads
    X = bundle.encoding.matrix(table.iloc[drawn[:SAMPLE]])
    found = {CHURN_RISK: churn_contributions(bundle.churn, X, threads)}
    for at, arm in enumerate(bundle.params.interventions.names):
        rows = table.iloc[drawn[may[drawn, at]][:SAMPLE]]
        if len(rows) and bundle.uplift is not None and bundle.uplift.effect_of(arm) is not None:
            worth, X = retention_values(rows, bundle.params), bundle.encoding.matrix(rows)
            found[arm] = effect_contributions(bundle.uplift, X, arm, worth, threads)
    return {
        name: dict(zip(bundle.encoding.names, np.abs(each.of_features).mean(axis=0).tolist(), strict=True))
        for name, each in found.items()
        if len(each.of_features)
    }


def _table(bundle: Bundle, rows: pd.DataFrame, found: Contributions, others: dict[str, Floats]) -> pd.DataFrame:
    """Return one block of rows per stakeholder."""
    names = np.array(bundle.encoding.names, dtype=object)
    values = rows[list(names)].astype(object).where(rows[list(names)].notna(), None).to_numpy()
    parts = []
    for row, of_features in enumerate(found.of_features):
        order = np.lexsort((names, -np.abs(of_features)))
        heads = {BASELINE: found.baseline[row], **{name: each[row] for name, each in others.items()}}
        parts.append(pd.DataFrame({
            "stakeholder_id": rows["stakeholder_id"].iloc[row],
            "feature": pd.array([*heads, *names[order]], dtype="str"),
            "value": pd.Series([*[None] * len(heads), *values[row, order]], dtype=object),
            "contribution": np.array([*heads.values(), *of_features[order]], dtype=np.float64),
        }))  # fmt: skip
    return pd.concat(parts, ignore_index=True)
