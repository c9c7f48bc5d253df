"""From effects to assignments: eligibility, the choice under limits, exploration with exact propensities."""
