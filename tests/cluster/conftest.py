"""Fixtures of rehearsals: houses and the truth on a durable server of a test's own, as the whole trip's tests have."""

from tests.flow.conftest import durable_house, durable_truth

__all__ = ["durable_house", "durable_truth"]
