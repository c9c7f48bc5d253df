"""Synthetic populations with known truth; never imports features, nor features it."""

from .arms import ARM_KINDS, ARMS
from .belief import belief
from .truth import TruthTerms, truth
from .world import World, answer, initial_tables

__all__ = ["ARMS", "ARM_KINDS", "TruthTerms", "World", "answer", "belief", "initial_tables", "truth"]
