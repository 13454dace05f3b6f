"""Small markets with a planted signal, for every test of the models."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tasks.models.config import TrainConfig
from tasks.models.dataset import Block, Dataset, dataset


@dataclasses.dataclass(frozen=True)
class Planted:
    """Features that show a signal dimly, and returns that follow it."""

    features: dict[str, np.ndarray]
    returns: np.ndarray
    signal: np.ndarray
    dates: np.ndarray
    symbols: tuple[str, ...]

    def data(self, **kwargs: object) -> Dataset:
        return dataset([Block(self.symbols, self.features)], self.returns, self.dates, **kwargs)


def planted(
    seed: int = 0, days: int = 260, n: int = 60, strength: float = 0.3, span: int = 2
) -> Planted:
    random = np.random.default_rng(seed)
    signal = random.standard_normal((days, n))
    features = {f"x{i}": random.standard_normal((days, n)) + (i < 3) * signal for i in range(6)}
    features["x0"][random.random((days, n)) < 0.05] = np.nan
    returns = 0.02 * (strength * signal + random.standard_normal((days, n)))
    returns[random.random((days, n)) < 0.03] = np.nan
    returns[-span:] = np.nan
    start = np.datetime64("2020-01-01")
    dates = np.arange(start, start + days)
    return Planted(features, returns, signal, dates, tuple(f"{600000 + i}.SH" for i in range(n)))


@pytest.fixture
def market() -> Planted:
    return planted()


@pytest.fixture
def small() -> TrainConfig:
    """Windows and models that train in a fraction of a second."""
    return TrainConfig(
        min_train_days=80, test_days=60, valid_days=20, rounds=30, learning_rate=0.1, min_leaf=50
    )
