"""Words that every part shares: errors, ids, time, tables, arms and parameters. Imports nothing of ours."""
