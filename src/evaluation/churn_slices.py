"""Churn risk looked at in parts: by kind, segment, time of the relationship and audited attributes, and by horizon.

A mean may hide that some are ranked no better than by chance, or that risks of some are too high throughout.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..contracts.params import Params
from .calibration import calibration_noise, calibration_table, expected_calibration_error
from .estimate import Estimate, cluster_codes, clustered_mean
from .groups import OTHERS, attribute_groups, bands, groups
from .ranking import auc

TENURE_DAYS = (90, 365, 1095)  # borders of the bands
LEAST_OF_EACH = 10  # leavers and stayers below which a slice's ranking is not judged


def churn_slices(rows: pd.DataFrame, slices: pd.DataFrame, params: Params) -> list[dict[str, Any]]:
    """Return AUC and calibration of every slice of the held-out rows.

    Args:
        rows: cluster, churned and churn_risk, n rows.
        slices: text columns in the same order, each parting the rows by its values.
        params: seed and bootstrap replicates.

    Returns:
        for each column and value, by falling number of rows: by, value, rows, churned, predicted and observed (mean
        risk and share that left), auc, and too_high (predicted − observed), the two with their intervals.
    """
    found = []
    for by in slices.columns:
        for value in _values(slices[by]):
            mine = rows[(slices[by] == value).to_numpy()]
            found.append({"by": str(by), "value": value, **_quality(mine, params)})
    return found


def curve_scorecard(rows: pd.DataFrame, params: Params) -> list[dict[str, Any]]:
    """Return the quality of held-out churn risk by each of the curve's days: as `churn_slices`, with the as_of, the
    expected calibration error, what it stays below by chance, and the deciles.

    Args:
        rows: cluster, as_of, days, churned and churn_risk.
        params: seed and bootstrap replicates.
    """
    found = []
    for days in sorted(rows["days"].unique().tolist()):
        mine = rows[rows["days"] == days]
        label, risk = mine["churned"].to_numpy(dtype=bool), mine["churn_risk"].to_numpy(dtype=float)
        table = calibration_table(label, risk)
        found.append({
            "days": days, "as_of": str(mine["as_of"].iloc[0].date()), **_quality(mine, params),
            "expected_calibration_error": expected_calibration_error(label, risk),
            "calibration_noise": calibration_noise(table),
            "deciles": [each.as_dict() for each in table],
        })  # fmt: skip
    return found


def slice_columns(ids: pd.Series, as_of: pd.Series, people: pd.DataFrame, params: Params) -> pd.DataFrame:
    """Return the groups by kind, band of tenure, segment and audited attributes, one row for each id.

    Args:
        ids, as_of: of the held-out rows, as_of without a zone in UTC.
        people: canonical stakeholders.
        params: kpis and features.
    """
    since = people.set_index("stakeholder_id").loc[ids, "since"].dt.tz_localize(None)
    tenure = (as_of.to_numpy() - since.to_numpy()) / np.timedelta64(1, "D")
    columns = attribute_groups(ids, people, params)
    columns.insert(1, "tenure", groups(pd.Series(bands(tenure, TENURE_DAYS, "days"))))
    return columns


def _values(column: pd.Series) -> list[str]:
    """Return the groups by falling number of rows, then by name, those of the others last."""
    rows = column.value_counts()
    return sorted(rows.index, key=lambda value: (value == OTHERS, -rows[value], value))


def _quality(rows: pd.DataFrame, params: Params) -> Mapping[str, Any]:
    label, risk = rows["churned"].to_numpy(dtype=bool), rows["churn_risk"].to_numpy(dtype=float)
    ids = rows["cluster"].to_numpy(dtype=object)
    judged = min(int(label.sum()), int((~label).sum())) >= LEAST_OF_EACH
    undefined = Estimate.undefined(len(rows)).as_dict()
    return {
        "rows": len(rows),
        "churned": int(label.sum()),
        "predicted": float(risk.mean()),
        "observed": float(label.mean()),
        "auc": auc(label, risk, ids, params.seed, params.evaluation.bootstrap).as_dict() if judged else undefined,
        "too_high": clustered_mean(risk - label, cluster_codes(ids, len(ids))).as_dict(),
    }
