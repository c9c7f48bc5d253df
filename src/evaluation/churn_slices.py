"""Churn risk looked at in parts: by kind, by time of the relationship, by audited attributes, and by horizon.

A mean may hide that some are ranked no better than by chance, or that risks of some are too high throughout.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..contracts.params import Params
from .calibration import calibration_table, expected_calibration_error
from .estimate import cluster_codes, clustered_mean
from .ranking import auc
from .slices import bands

TENURE_DAYS = (90, 365, 1095)  # borders of the bands
MOST_VALUES = 12  # of an audited attribute; the rarer ones are one slice
LEAST_OF_EACH = 10  # leavers and stayers below which a slice's ranking is not judged


def churn_slices(rows: pd.DataFrame, slices: pd.DataFrame, params: Params) -> list[dict[str, Any]]:
    """Return AUC and calibration of every slice of the held-out rows.

    Args:
        rows: stakeholder_id, churned and churn_risk, n rows.
        slices: text columns in the same order, each parting the rows by its values; missing is a value too.
        params: seed and bootstrap replicates.

    Returns:
        for each column and value, by falling number of rows: by, value, rows, churned, predicted and observed (mean
        risk and share that left), auc, and too_high (predicted − observed), the two with their intervals.
    """
    found = []
    for by in slices.columns:
        for value, part in _values(slices[by]):
            mine = rows[(part == value).to_numpy()]
            found.append({"by": str(by), "value": value, **_quality(mine, params)})
    return found


def curve_scorecard(rows: pd.DataFrame, params: Params) -> list[dict[str, Any]]:
    """Return the quality of held-out churn risk by each of the curve's days: as `churn_slices`, with the as_of, the
    expected calibration error and the deciles.

    Args:
        rows: stakeholder_id, as_of, days, churned and churn_risk.
        params: seed and bootstrap replicates.
    """
    found = []
    for days in sorted(rows["days"].unique().tolist()):
        mine = rows[rows["days"] == days]
        label, risk = mine["churned"].to_numpy(dtype=bool), mine["churn_risk"].to_numpy(dtype=float)
        found.append({
            "days": days, "as_of": str(mine["as_of"].iloc[0].date()), **_quality(mine, params),
            "expected_calibration_error": expected_calibration_error(label, risk),
            "deciles": [each.as_dict() for each in calibration_table(label, risk)],
        })  # fmt: skip
    return found


def slice_columns(ids: pd.Series, as_of: pd.Series, stakeholders: pd.DataFrame, params: Params) -> pd.DataFrame:
    """Return kind, band of tenure and the attributes of `features.audit_only` as text, one row for each id.

    Args:
        ids, as_of: of the held-out rows, as_of without a zone in UTC.
        stakeholders: canonical.
        params: features.
    """
    mine = stakeholders.set_index("stakeholder_id").loc[ids]
    tenure = (as_of.to_numpy() - mine["since"].dt.tz_localize(None).to_numpy()) / np.timedelta64(1, "D")
    columns = {"kind": mine["kind"], "tenure": bands(tenure, TENURE_DAYS, "days")}
    for name in params.features.audit_only:
        columns[name] = mine[name]
    text = {name: pd.Series(np.asarray(each), dtype=object) for name, each in columns.items()}
    return pd.DataFrame({name: _as_text(each) for name, each in text.items()})


def _as_text(values: pd.Series) -> pd.Series:
    """Return values as text; numbers of many values in quarters."""
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.nunique() > MOST_VALUES and numbers.notna().sum() == values.notna().sum():
        borders = np.unique(np.quantile(numbers.dropna(), [0.25, 0.5, 0.75]))
        return pd.Series(bands(numbers.to_numpy(dtype=float), borders.tolist(), ""))
    return values.map(str, na_action="ignore").fillna("missing").astype("str")


def _values(column: pd.Series) -> Iterator[tuple[str, pd.Series]]:
    """Yield (value, the column with rare values as one) by falling number of rows, then by name."""
    counts = column.value_counts()
    frequent = sorted(counts.index, key=lambda value: (-counts[value], value))[:MOST_VALUES]
    part = column.where(column.isin(frequent), "others")
    yield from ((value, part) for value in [*frequent, *(["others"] if len(counts) > MOST_VALUES else [])])


def _quality(rows: pd.DataFrame, params: Params) -> Mapping[str, Any]:
    label, risk = rows["churned"].to_numpy(dtype=bool), rows["churn_risk"].to_numpy(dtype=float)
    ids = rows["stakeholder_id"].to_numpy(dtype=object)
    judged = min(int(label.sum()), int((~label).sum())) >= LEAST_OF_EACH
    undefined = {"value": None, "low": None, "high": None, "se": None, "n": len(rows)}
    return {
        "rows": len(rows),
        "churned": int(label.sum()),
        "predicted": float(risk.mean()),
        "observed": float(label.mean()),
        "auc": auc(label, risk, ids, params.seed, params.evaluation.bootstrap).as_dict() if judged else undefined,
        "too_high": clustered_mean(risk - label, cluster_codes(ids, len(ids))).as_dict(),
    }
