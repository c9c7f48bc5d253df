"""Synthetic populations with known truth; never imports features, nor features it."""

from .arms import ARM_KINDS, ARMS
from .truth import TruthTerms, truth
from .world import World, answer, initial_tables

__all__ = ["ARMS", "ARM_KINDS", "TruthTerms", "World", "answer", "initial_tables", "truth"]
