"""The GPU's way through a sweep gives the CPU's trials to the last bit, in every family."""

from __future__ import annotations

import importlib
import json
import pkgutil

import numpy as np
import pytest

import tasks.backtest
from tasks.arrays import parity, serving
from tasks.arrays.benches import Bench
from tasks.arrays.devices import Device
from tasks.backtest import gpu
from tasks.backtest.combinations import combinations
from tasks.backtest.config import CostConfig
from tasks.backtest.ranking import rank_levels
from tasks.backtest.strategies.registry import FAMILIES
from tasks.backtest.sweep import sweep_block, sweep_on
from tasks.data.panel import Panel

ONE_BY_ONE = sorted(name for name, kind in FAMILIES.items() if kind.wishes is None)

SIMULATED = """
import json
from tasks.arrays import serving
from tasks.arrays.devices import Device
from tasks.backtest import gpu
print(json.dumps([[f.kernel, f.ulps, f.cases] for f in serving.findings(gpu.SWEEPS)]))
"""


def market(rows=160, count=7, seed=3):
    rng = np.random.default_rng(seed)
    close = 10 * np.exp(np.cumsum(rng.normal(0.0, 0.03, (rows, count)), axis=0))
    close[rng.random(close.shape) < 0.04] = np.nan
    close[:30, 1] = np.nan
    close[120:, 2] = np.nan
    close[:, 3] = np.nan  # never traded
    spread = np.abs(rng.normal(0, 0.01, close.shape))
    fields = {"open": close * (1 + rng.normal(0, 0.01, close.shape)), "close": close}
    fields |= {"high": close * (1 + spread), "low": close * (1 - spread)}
    dates = np.busday_offset(np.datetime64("2023-01-03"), np.arange(rows), roll="forward")
    return Panel(dates, tuple(f"60000{i}.SH" for i in range(count)), fields, "adjusted")


def prepared(name):
    panel, kind = market(), FAMILIES[name]
    grid = {p.name: gpu._small(p.usual, p.lowest) for p in kind.parameters}
    sets = combinations(name, grid)
    universe = np.random.default_rng(5).random(panel.shape) < 0.9
    levels = rank_levels(panel, sets, universe, sets.lookback)
    return panel, sets, universe, levels


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_side_by_side_is_one_after_the_other(name, monkeypatch):
    monkeypatch.setattr(gpu, "ROOM", 17 * 161 * 4 * 3)  # a few stocks at a time
    given = prepared(name)
    first = given[1].lookback
    ours = sweep_on(Bench(), *given, costs=CostConfig(), first=first)
    theirs = sweep_block(*given, costs=CostConfig(), first=first, design="streaming")
    assert theirs.buys.any()
    for field in ("sums", "buys", "sells", "breadth", "days", "pairs"):
        np.testing.assert_array_equal(getattr(ours, field), getattr(theirs, field), err_msg=field)


def test_every_kernel_that_a_gpu_can_run_has_a_case():
    for module in pkgutil.walk_packages(tasks.backtest.__path__, "tasks.backtest."):
        importlib.import_module(module.name)
    called = {parity.name_of(kernel) for kernel in gpu.sweep_cases()}
    assert called == {parity.name_of(kernel) for kernel in parity.lane_kernels("tasks.backtest")}


def test_in_the_simulator_every_kernel_gives_the_same_bits(simulate):
    found = json.loads(simulate(SIMULATED))
    assert {name for name, *_ in found} >= {
        "accounts.streaming",
        "accounts.partial",
        "moving.above",
    }
    assert [name for name, ulps, _ in found if ulps != 0.0] == []


class Full:
    """A GPU without memory."""

    def __init__(self, *_):
        raise MemoryError


def test_a_full_gpu_leaves_the_block_to_the_cpu_and_says_so(monkeypatch):
    monkeypatch.setattr(serving, "CudaBench", Full)
    given = prepared("ma_cross")
    device = Device("gpu", "Computed on a GPU.")
    block = sweep_block(*given, costs=CostConfig(), device=device)
    assert block.device.fallback
    assert block.device.reason.endswith("its memory is too small for this work.")
    plain = sweep_block(*given, costs=CostConfig())
    assert plain.device.kind == "cpu"
    assert not plain.device.fallback
    np.testing.assert_array_equal(block.sums, plain.sums)
