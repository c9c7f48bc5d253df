"""Relationship history to matrix, point-in-time: a row sees only what was known strictly before its as-of instant."""
