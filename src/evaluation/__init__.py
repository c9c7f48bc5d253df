"""Held-out quality: policy value, baselines, ranking, calibration. Arrays in, numbers with intervals out."""
