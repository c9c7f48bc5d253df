"""Map the import package ``rapport`` onto ``src/``; subpackages are found, so none can be forgotten."""

from setuptools import find_packages, setup

setup(packages=["rapport", *(f"rapport.{name}" for name in find_packages("src"))])
