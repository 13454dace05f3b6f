"""The default training against the known answer of the simulated market."""

import os

import numpy as np
import pytest

from tasks.data.config import DataConfig, SimulatedConfig
from tasks.data.sources import simulated
from tasks.indicators.features import technical_features
from tasks.models.config import TrainConfig
from tasks.models.dataset import Block, Dataset, dataset
from tasks.models.labels import labels
from tasks.models.means import MeanEstimate, estimate_mean
from tasks.models.scores import daily_ic
from tasks.models.walkforward import walk_forward
from tasks.validation.placebo import placebo

END = "2025-10-31"
#: ten seeds in a thorough run: QILIN_TEST_SEEDS=10
SEEDS = range(int(os.environ.get("QILIN_TEST_SEEDS", "3")))


def market(seed: int, strength: float) -> tuple[Dataset, np.ndarray, np.ndarray]:
    """Dataset of the night's features, labels and oracle, columns in the dataset's order."""
    config = SimulatedConfig(seed=seed, signal_strength=strength)
    panel = simulated.load(config, end=END).stocks().adjusted()
    returns = labels(panel)
    traded = (panel["volume"] > 0) & np.isfinite(panel["close"])
    block = Block(panel.symbols, technical_features(panel))
    data = dataset([block], returns, panel.dates, eligible=traded)
    _, symbols, oracle = simulated.oracle(DataConfig(source="simulated", simulated=config), END)
    known = [list(symbols).index(s) for s in data.symbols]
    order = [panel.column(s) for s in data.symbols]
    return data, returns[:, order], oracle[:, known]


def out_of_sample(seed: int, strength: float) -> tuple[MeanEstimate, MeanEstimate]:
    """Rank IC of the default model and of the oracle on the same cells."""
    data, returns, oracle = market(seed, strength)
    walk = walk_forward(data, TrainConfig())
    scored = np.isfinite(walk.predictions)
    model = daily_ic(walk.predictions, returns, ranked=True)
    best = daily_ic(np.where(scored, oracle, np.nan), returns, ranked=True)
    return estimate_mean(model), estimate_mean(best)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_the_default_model_reaches_half_of_the_oracle(seed):
    model, best = out_of_sample(seed, 1.0)
    assert model.n > 400
    assert best.mean > 0.05
    assert model.mean >= 0.5 * best.mean
    assert model.t > 4


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_without_a_signal_the_default_model_finds_nothing(seed):
    model, _ = out_of_sample(seed, 0.0)
    assert abs(model.t) < 3


@pytest.mark.slow
def test_the_placebo_finds_nothing_where_there_is_a_signal():
    data, _, _ = market(0, 1.0)
    assert placebo(data, TrainConfig(), seeds=(1,)).ok
