"""The same kernels on the CPU and, in numba's simulator, on a GPU; and what happens if they differ.

The simulator proves the logic of the CUDA side, neither its numerics nor its speed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tasks
from tasks.arrays import benches
from tasks.arrays.devices import Device
from tasks.data.panel import Panel
from tasks.indicators import gpu

pytest.importorskip("numba_cuda", reason="numba-cuda is not installed: no CUDA side to test")

PREPARE = """
import numpy as np
from tasks.arrays.devices import Device
from tasks.data.panel import Panel
from tasks.indicators import gpu
gpu.PROBE_ROWS = 1  # everything is compared here
GPU = Device("gpu", "simulated")
rng = np.random.default_rng(0)
rows, symbols = 66, 3
close = 20 * np.exp(np.cumsum(rng.normal(0, 0.02, (rows, symbols)), axis=0))
close[10:13, 1] = np.nan
close[:9, 2] = np.nan
bars = {"high": close * 1.01, "low": close * 0.98, "close": close, "open": close * 0.999}
bars["volume"] = np.where(np.isnan(close), 0.0, rng.lognormal(10, 1, close.shape))
panel = Panel(np.datetime64("2020-01-01") + np.arange(rows), tuple("ABC"), bars, "adjusted")

def compare(ours, theirs, used):
    assert used.kind == "gpu", used.reason
    for name in ours:
        np.testing.assert_allclose(theirs[name], ours[name], rtol=1e-12, atol=1e-12, err_msg=name)
    print(len(ours))
"""

FEATURES = """
from tasks.indicators.features import features_on, technical_features
from tasks.indicators.config import FeatureConfig
config = FeatureConfig(dtype="float64")
compare(technical_features(panel, config), *features_on(panel, config, GPU))
"""

EXPRESSIONS = """
from tasks.indicators.expressions import evaluating
from tasks.indicators.expressions.operators import OPERATORS
words = {"x": "$close", "n": "7", "q": "0.3", "s": "'A'"}
texts = {n: f"{n}({', '.join(words[a] for a in op.arguments)})" for n, op in OPERATORS.items()}
texts["all"] = "EMA($close, 0) + Mean($close, 0) + Ref($volume, 0)"
small = panel.rows(slice(0, 14))
evaluating.choose_device = lambda wish: GPU if wish == "gpu" else Device("cpu", "")
compare(evaluating.evaluate(texts, small, "cpu"), *evaluating.evaluate_on(texts, small, "gpu"))
"""


@pytest.mark.slow
@pytest.mark.parametrize("program", [FEATURES, EXPRESSIONS], ids=["features", "expressions"])
def test_the_cuda_side_computes_what_the_cpu_does(program, tmp_path):
    environment = {
        **os.environ,
        "NUMBA_ENABLE_CUDASIM": "1",
        "QILIN_HOME": os.environ.get("QILIN_HOME", str(tmp_path)),
        "PYTHONPATH": str(Path(tasks.__file__).parents[1]),
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PREPARE + program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout) >= 32


class OtherBench(benches.Bench):
    """A device that computes something else, or runs out of memory."""

    kind = "gpu"

    def __init__(self, fault: Exception | None = None) -> None:
        self.fault = fault


@pytest.fixture
def panel() -> Panel:
    dates = np.datetime64("2020-01-01") + np.arange(4)
    return Panel(dates, ("A", "B"), {"close": np.arange(8.0).reshape(4, 2)})


GPU = Device("gpu", "Computed on a GPU.")


def test_agreement_lets_the_gpu_compute(panel, monkeypatch):
    monkeypatch.setattr(benches, "gpu", OtherBench)
    kinds = []

    def compute(part, bench):
        kinds.append((bench.kind, part.shape))
        return [part["close"] * 2]

    (grid,), used = gpu.on_device(compute, panel, GPU)
    assert used is GPU
    assert kinds == [("cpu", (4, 2)), ("gpu", (4, 2)), ("gpu", (4, 2))]
    np.testing.assert_array_equal(grid, panel["close"] * 2)


def test_disagreement_hands_over_to_the_cpu(panel, monkeypatch):
    monkeypatch.setattr(benches, "gpu", OtherBench)

    def compute(part, bench):
        return [part["close"] + (bench.kind == "gpu")]

    (grid,), used = gpu.on_device(compute, panel, GPU)
    assert used.kind == "cpu"
    assert used.reason == (
        "Computed on the CPU instead of a GPU: its results differ from the CPU's on this panel's "
        "last rows."
    )
    np.testing.assert_array_equal(grid, panel["close"])


def test_a_full_memory_hands_over_to_the_cpu(panel, monkeypatch):
    monkeypatch.setattr(benches, "gpu", OtherBench)

    def compute(part, bench):
        if bench.kind == "gpu":
            raise MemoryError
        return [part["close"]]

    _, used = gpu.on_device(compute, panel, GPU)
    assert used.reason.endswith("its memory is too small for this panel.")
