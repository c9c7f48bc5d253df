"""Which arms could have been chosen when a decision was taken: of all others the log knows nothing.

A log holds the probability of the arm it chose, not of those it did not. What is known of these: the rules as they
stood for the stakeholder at that instant (kind, conditions, dates, consent, contact history), under today's params; and
what the policy of that iteration gave anyone of the kind. The arm that was chosen could be chosen, whatever rules say.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.params import Params
from ..policy.rules import permitted, rules_of


def supported(decisions: pd.DataFrame, arm: NDArray[np.int64], params: Params) -> NDArray[np.bool_]:
    """Return which arms could have been chosen, as far as is known, shape (n, arms).

    Args:
        decisions: features of n decisions as of each, with as_of, iteration, kind and the columns that rules read.
        arm: chosen, index into the catalogue's names, shape (n,).
        params: interventions and decision.
    """
    rows, shape = np.arange(len(arm)), (len(arm), len(params.interventions.names))
    could = permitted(rules_of(decisions.assign(opted_out=False), params), shape)[1]
    log = decisions.groupby(["iteration", "kind"], sort=False).ngroup().to_numpy(dtype=np.int64)
    given = np.zeros((int(log.max(initial=-1)) + 1, shape[1]), dtype=bool)
    given[log, arm] = True
    could &= given[log]
    could[rows, arm] = True
    return could
