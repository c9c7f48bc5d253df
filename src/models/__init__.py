"""Churn risk, outcomes, propensities and uplift on LightGBM; plain text and JSON is all that is kept of a model."""
