# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Reading a run
#
# This notebook reads the files that `make repro` leaves in `data/` and shows what they say: how good the churn risk is,
# what the policy is worth beside simple rules, whom it treats, and what drives the risk. It changes nothing.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import shap
from IPython.display import display

from rapport.models.drivers import churn_contributions
from rapport.store.bundle import read_bundle
from rapport.store.documents import read_json
from rapport.store.frames import read_frame
from rapport.store.project import ASSIGNMENTS, BUNDLE, EVALUATION, FEATURES

# The project's root is the nearest folder above that holds dvc.yaml.
here = Path.cwd()
root = next(folder for folder in (here, *here.parents) if (folder / "dvc.yaml").is_file())

metrics = read_json(root / EVALUATION / "metrics.json")
assignments = read_frame(root / ASSIGNMENTS)
population = read_frame(root / FEATURES / "population.parquet")
bundle = read_bundle(root / BUNDLE)
arms = list(bundle.params.interventions.arms)
print(f"{len(assignments):,} stakeholders as of {bundle.params.clock.as_of:%Y-%m-%d}")

# %% [markdown]
# ## Churn risk
#
# Measured on stakeholders that the model had not seen. AUC is the chance that one who left was ranked above one who
# stayed; the log-loss must be below that of the base rate, and the calibration slope near 1.

# %%
churn = metrics["churn"]
measures = ["auc", "log_loss", "base_rate_log_loss", "brier", "calibration_intercept", "calibration_slope"]
pd.DataFrame({name: churn[name] for name in measures}).T[["value", "low", "high"]].astype(float).round(4)

# %%
deciles = pd.DataFrame(churn["deciles"])
figure, axes = plt.subplots(figsize=(5, 4))
below, above = deciles["observed"] - deciles["low"], deciles["high"] - deciles["observed"]
axes.errorbar(deciles["mean_predicted"], deciles["observed"], yerr=[below, above], fmt="o", capsize=2)
axes.axline((0, 0), slope=1, linestyle="--", color="grey")
axes.set(xlabel="predicted risk, mean of a tenth", ylabel="share that left", title="Calibration of churn risk")
plt.show()

# %% [markdown]
# ## What the policy is worth
#
# Net money per decision, doubly robust. `ahead` is our policy minus the one in the row, on the same decisions: judge a
# difference by its own interval, not by whether two intervals overlap.

# %%
if "uplift" in metrics:
    rows = {
        name: {
            "value": found["doubly_robust"]["value"],
            "low": found["doubly_robust"]["low"],
            "high": found["doubly_robust"]["high"],
            "snips": found["snips"]["value"],
            "ahead": found["ours_minus_this"]["value"],
            "ahead low": found["ours_minus_this"]["low"],
            "ahead high": found["ours_minus_this"]["high"],
            "cost": found["cost_per_decision"],
        }
        for name, found in metrics["uplift"]["policies"].items()
    }
    policies = pd.DataFrame(rows).T.astype(float).round(2)
else:
    # No decisions yet: the randomised pilot that would let effects be learned.
    policies = pd.DataFrame([metrics["pilot"]])
display(policies)

# %% [markdown]
# ## Whom it treats
#
# The risk and the gain are different things: many at risk cannot be kept, and some gain who would have stayed.

# %%
pd.crosstab(assignments["intervention"], assignments["reason"], margins=True)

# %%
figure, (left, right) = plt.subplots(ncols=2, figsize=(11, 4))
left.hist(assignments["churn_risk"], bins=40)
left.set(xlabel="churn risk", ylabel="stakeholders", title="Churn risk under the control")
gains = {arm: assignments[f"gain_{arm}"].dropna() for arm in arms}
known = {arm: gain for arm, gain in gains.items() if len(gain) > 0}
if known:
    right.boxplot(list(known.values()), orientation="horizontal", tick_labels=list(known), showfliers=False)
right.axvline(0, linestyle="--", color="grey")
right.set(xlabel="expected gain against the control, cost paid", title="Gains by arm")
figure.tight_layout()
plt.show()

# %% [markdown]
# ## What drives churn risk
#
# Exact contributions of trees and regression, in log-odds before an isotonic calibration, for up to 500 people: one
# dot each, to the right where the feature raises their risk. They explain the model, not what an intervention would do.

# %%
some = population.sample(n=min(500, len(population)), random_state=1).sort_index()
X = bundle.encoding.matrix(some)
added = churn_contributions(bundle.churn, X, bundle.params.threads).of_features
if added.any():
    shap.summary_plot(
        added, X, feature_names=list(bundle.encoding.names), max_display=12, show=False, rng=1, plot_size=(9, 5)
    )
    plt.title("Contributions to churn risk")
    plt.show()
else:
    display("too few stakeholders left for a churn model: the risk is a constant")
