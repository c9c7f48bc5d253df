"""The edge: the only place that opens files, talks to DVC or imports mlflow."""
