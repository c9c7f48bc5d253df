"""Value at risk: who may leave by when, and what that would cost."""

import numpy as np
import pandas as pd

from ..models.bundle import Bundle
from ..models.logged import retention_values


def value_at_risk(bundle: Bundle, table: pd.DataFrame) -> pd.DataFrame:
    """Return churn risk by horizon and what is lost with each stakeholder, in stakeholder_id order.

    Args:
        bundle: models and rules.
        table: a population's feature table.

    Returns:
        stakeholder_id; as_of; churn_risk, that of the assignments; churn_risk_<days>d by the clock's other days, none
        below that of fewer days; retention_value and margin, money lost with who leaves: what being retained is worth,
        and what who stays is expected to bring within the horizon; value_at_risk, churn_risk × (retention_value +
        margin), money, the margin counted from 0.

    Raises:
        InputError: a column is absent or wrong.
    """
    table = table.sort_values("stakeholder_id", kind="stable", ignore_index=True)
    X, threads = bundle.encoding.matrix(table), bundle.params.threads
    risk = bundle.churn.predict(X, threads)
    curve = {} if bundle.curve is None else bundle.curve.predict(X, risk, threads)
    horizon = bundle.params.clock.horizon_days
    worth = np.broadcast_to(retention_values(table, bundle.params), len(X))
    margin = np.zeros(len(X)) if bundle.margin is None else bundle.margin.predict(X, threads)
    return pd.DataFrame({
        "stakeholder_id": table["stakeholder_id"].astype("str"),
        "as_of": table["as_of"],
        "churn_risk": risk,
        **{f"churn_risk_{days}d": each for days, each in curve.items() if days != horizon},
        "retention_value": worth,
        "margin": margin,
        "value_at_risk": risk * (worth + np.maximum(margin, 0.0)),
    })  # fmt: skip
