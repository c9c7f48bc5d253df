"""What the policies' values rest on: the propensities, logged or estimated, and how well the latter explain the log."""

from typing import Any

import numpy as np

from ..models.propensity import LEAST_PROPENSITY
from ..models.scores import logged_propensity
from .calibration import propensity_log_loss
from .estimate import Estimate, cluster_codes, clustered_mean
from .held import Held


def propensity_scorecard(held: Held) -> dict[str, Any]:
    """Return how many propensities were logged and estimated, the least, and the log-loss of those estimated.

    Beside it stands the log-loss of the shares that the arms have of the same decisions, which nothing about anybody
    would tell, and how far the estimates are ahead of them, paired; all undefined where none was estimated.
    """
    propensity, estimated = logged_propensity(held.log.arm, held.log.propensity), ~held.propensity_logged
    own, shares, ahead = [Estimate.undefined(0)] * 3
    if estimated.any():
        arm, chosen, cluster = held.log.arm[estimated], propensity[estimated], held.log.cluster[estimated]
        share = (np.bincount(arm) / len(arm))[arm]
        own, shares = propensity_log_loss(arm, chosen, cluster), propensity_log_loss(arm, share, cluster)
        ahead = clustered_mean(np.log(chosen) - np.log(share), cluster_codes(cluster, len(arm)))
    return {
        "logged": int((~estimated).sum()),
        "estimated": int(estimated.sum()),
        "least": float(propensity.min()),
        "without_overlap": int((propensity <= LEAST_PROPENSITY).sum()),
        "log_loss": own.as_dict(),
        "log_loss_of_shares": shares.as_dict(),
        "ahead_of_shares": ahead.as_dict(),
    }
