"""Request and response shapes of the decisions; the same code answers batch jobs and registry consumers."""
