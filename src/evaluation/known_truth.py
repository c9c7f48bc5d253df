"""What a policy is truly worth in a simulated world, where the expected value under every arm is known."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def true_gains(truth: pd.DataFrame, arm: NDArray[np.int64], cost: NDArray[np.float64], names: tuple[str, ...],
               free: NDArray[np.bool_]) -> Mapping[str, float]:  # fmt: skip
    """Return true mean gains over nobody, net of cost, money per stakeholder.

    Args:
        truth: value_<arm> for each of `names`, NaN where a stakeholder may not receive the arm; n rows.
        arm: assigned arm, index into `names`, shape (n,).
        cost: money, shape (n, arms).
        names: arms, the control first.
        free: rows whose arm the policy chose by gain, neither held out, opted out nor exploring; shape (n,).

    Returns:
        assigned: of the arms assigned; chosen, ceiling: of the assigned and of the best arms on the `free` rows, by
        which `share_of_ceiling` compares; best_single_arm: of the best constant for all who may receive it.
    """
    value = truth[[f"value_{name}" for name in names]].to_numpy(dtype=float)
    gain = value - value[:, :1] - cost
    reachable = np.where(np.isnan(gain), 0.0, gain)
    assigned = reachable[np.arange(len(arm)), arm]
    chosen, ceiling = assigned[free].mean(), reachable.max(axis=1)[free].mean()
    return {
        "assigned": float(assigned.mean()),
        "best_single_arm": float(reachable.mean(axis=0).max()),
        "chosen": float(chosen),
        "ceiling": float(ceiling),
        "share_of_ceiling": float(chosen / ceiling) if ceiling > 0 else 1.0,
    }
