"""The standard normal distribution's number that intervals share."""

from statistics import NormalDist
from typing import Final

Z95: Final = NormalDist().inv_cdf(0.975)  # a 95 % interval reaches so many standard errors to either side
