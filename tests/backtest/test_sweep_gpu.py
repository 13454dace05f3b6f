"""The GPU's way through a sweep gives the CPU's trials to the last bit, in every family."""

from __future__ import annotations

import importlib
import json
import pkgutil

import numpy as np
import pytest

import tasks.backtest
from tasks.arrays import devices, parity, serving
from tasks.arrays.benches import Bench
from tasks.arrays.devices import Device
from tasks.backtest import gpu
from tasks.backtest.combinations import combinations
from tasks.backtest.config import CostConfig
from tasks.backtest.ranking import rank_levels
from tasks.backtest.strategies.registry import FAMILIES
from tasks.backtest.sweep import sweep, sweep_block, sweep_on
from tasks.data.panel import Panel
from tasks.errors import UserError

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


def test_a_sweep_asks_for_its_device_and_a_missing_gpu_is_said_once(monkeypatch, caplog):
    monkeypatch.setattr(devices, "_ask_driver", lambda *_: ([], "no CUDA driver is installed"))
    panel, sets, *_ = prepared("ma_cross")
    serving.fallbacks.clear()
    plain, wished = (sweep(panel, "ma_cross", sets, device=d) for d in ("auto", "gpu"))
    assert plain.device.kind == wished.device.kind == "cpu"
    assert not plain.device.fallback
    assert wished.device.fallback
    reason = "Computed on the CPU instead of a GPU: no CUDA driver is installed."
    assert wished.device.reason == reason
    sweep(panel, "ma_cross", sets, device="gpu", trials_per_block=2)
    assert [r.message for r in caplog.records] == [reason]
    assert serving.fallbacks[reason] > 2
    np.testing.assert_array_equal(plain.returns, wished.returns)
    with pytest.raises(UserError, match="choose auto, cpu or gpu"):
        sweep(panel, "ma_cross", sets, device="tpu")


ON_DEVICE = """
import json
import numpy as np
import torch
from tasks.arrays import devices, serving
from tasks.backtest import GPUBacktestEngine
from tasks.backtest.sweep import sweep
from tasks.data.panel import Panel
from tasks.errors import UserError

devices.why_unavailable = lambda backend: None
card = devices.GPUInfo(0, "a simulated GPU", 1 << 30, (9, 0), "13.0")
devices.GPUUtils.get_gpu_info = staticmethod(lambda: [card])
rng = np.random.default_rng(0)
close = 10 * np.exp(np.cumsum(rng.normal(0, 0.03, (24, 2)), axis=0))
dates = np.busday_offset(np.datetime64("2023-01-03"), np.arange(24), roll="forward")
fields = {n: close for n in ("open", "high", "low", "close")}
panel = Panel(dates, ("600000.SH", "600001.SH"), fields, "adjusted")
grid = {"fast": (2, 3), "slow": (4, 5)}
gpu, cpu = (sweep(panel, "ma_cross", grid, device=d) for d in ("gpu", "cpu"))
prices, signals = torch.from_numpy(close), torch.from_numpy(np.sign(close - close.mean()))
ours, theirs = (
    GPUBacktestEngine(device=d).vectorized_backtest(prices, signals) for d in ("auto", "cpu")
)
print(json.dumps({
    "sweep": [gpu.device.kind, cpu.device.kind, bool((gpu.returns == cpu.returns).all())],
    "trades": int(cpu.frame["trades"].sum()),
    "engine": [ours["device"], theirs["device"], type(ours["equity_curve"]).__name__],
    "same": bool((ours["equity_curve"] == theirs["equity_curve"]).all()),
    "orders": ours["n_trades"],
    "fallbacks": dict(serving.fallbacks),
}))
"""


@pytest.mark.slow
def test_sweep_and_engine_use_the_device_that_is_there(simulate):
    found = json.loads(simulate(ON_DEVICE))
    assert found["sweep"] == ["gpu", "cpu", True]
    assert found["trades"] > 0
    assert found["engine"] == [
        "Computed on a simulated GPU.", "Computed on the CPU, as asked.", "Tensor",
    ]  # fmt: skip
    assert found["same"]
    assert found["orders"] > 0
    assert found["fallbacks"] == {}
