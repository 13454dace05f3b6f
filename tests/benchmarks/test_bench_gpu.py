"""On a GPU: every kernel as on the CPU, how near factors come to its memory, ratio to the CPU.

Without a GPU it skips and says so. `QILIN_BENCH=full` takes ten years of 5,000 stocks.
"""

from __future__ import annotations

import os
import statistics
import time

import numpy as np
import pytest

from tasks.arrays import parity, serving
from tasks.arrays.devices import Device, GPUBackend, choose_device, why_unavailable

pytestmark = pytest.mark.slow
LACK = why_unavailable(GPUBackend.CUPY)
needs_gpu = pytest.mark.skipif(LACK is not None, reason=f"no GPU to measure: {LACK}")
ROWS, SYMBOLS = (2430, 5000) if os.environ.get("QILIN_BENCH") == "full" else (500, 2000)
RUNS = 5


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def alternating(*works):
    """Medians of interleaved runs; the first of each, which compiles, is not counted."""
    for work in works:
        work()
    times = [[seconds(work) for work in works] for _ in range(RUNS)]
    return [statistics.median(column) for column in zip(*times, strict=True)]


def copied_per_second():
    """Bytes per second that a copy within the GPU's memory reads and writes."""
    import cupy

    one = cupy.ones(2**27)
    other = cupy.empty_like(one)

    def copy():
        other[:] = one
        cupy.cuda.runtime.deviceSynchronize()

    (median,) = alternating(copy)
    return 2 * one.nbytes / median


@pytest.fixture(scope="module")
def panel():
    from tasks.data.panel import Panel

    bars = parity.inputs(rows=ROWS, lanes=SYMBOLS)
    dates = np.busday_offset(np.datetime64("2015-01-05"), np.arange(ROWS), roll="forward")
    return Panel(dates, tuple(f"{i:06d}.SZ" for i in range(SYMBOLS)), bars, "adjusted")


@needs_gpu
def test_every_kernel_gives_the_cpus_numbers():
    from tasks.backtest.gpu import SWEEPS
    from tasks.indicators.gpu import EXPRESSIONS, TECHNICAL

    for group in (TECHNICAL, EXPRESSIONS, SWEEPS):
        found = serving.findings(group)
        for finding in found:
            print(f"{group.name:22} {finding.kernel:32} {finding.ulps:10.3g} ULP")
        assert all(finding.serves for finding in found)


def _table(name, bytes_moved, gpu_seconds, cpu_seconds):
    achieved, copy = bytes_moved / gpu_seconds, copied_per_second()
    print(f"\n{name}, {ROWS} days x {SYMBOLS} symbols, medians of {RUNS}, transfers included")
    print(
        f"  GPU {gpu_seconds:8.3f} s   {achieved / 1e9:8.1f} GB/s, {achieved / copy:.1%} of a copy"
    )
    print(f"  CPU {cpu_seconds:8.3f} s   ratio {cpu_seconds / gpu_seconds:.1f}")


@needs_gpu
@pytest.mark.parametrize("name", ["features", "alpha158"])
def test_factors(name, panel):
    from tasks.indicators.alpha158 import ALPHA158
    from tasks.indicators.expressions.evaluating import evaluate_on
    from tasks.indicators.features import features_on

    def run(wish):
        if name == "features":
            return features_on(panel, None, choose_device(wish))
        return evaluate_on(ALPHA158, panel, wish)

    ours, used = run("gpu")
    theirs, _ = run("cpu")
    assert used.kind == "gpu", used.reason
    for column, grid in theirs.items():
        np.testing.assert_allclose(ours[column], grid, rtol=1e-9, atol=1e-9, err_msg=column)
    times = alternating(lambda: run("gpu"), lambda: run("cpu"))
    moved = (len(ours) + 5) * panel["close"].nbytes  # every field read once, every result written
    _table(name, moved, *times)


@needs_gpu
@pytest.mark.parametrize("strategy", ["ma_cross", "volatility_target"])
def test_sweeps(strategy, panel):
    from tasks.backtest.combinations import combinations
    from tasks.backtest.config import CostConfig
    from tasks.backtest.strategies.registry import family
    from tasks.backtest.sweep import sweep_block

    few = panel.columns(range(0, SYMBOLS, 5))  # random walks only
    sets = combinations(strategy, family(strategy).usual_grid)

    def run(device):
        first = sets.lookback
        return sweep_block(few, sets, costs=CostConfig(), first=first, pairs=False, device=device)

    gpu, cpu = choose_device("gpu"), Device("cpu", "as asked")
    ours, theirs = run(gpu), run(cpu)
    assert ours.device.kind == "gpu", ours.device.reason
    np.testing.assert_array_equal(ours.sums, theirs.sums)
    on_gpu, on_cpu = alternating(lambda: run(gpu), lambda: run(cpu))
    accounts = len(sets) * len(few.symbols)
    print(f"\n{strategy}: {accounts / on_gpu:,.0f} accounts/s on the GPU, ", end="")
    print(f"{accounts / on_cpu:,.0f} on the CPU, ratio {on_cpu / on_gpu:.1f}")
