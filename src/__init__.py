"""rapport keeps the relationships that are worth keeping."""
