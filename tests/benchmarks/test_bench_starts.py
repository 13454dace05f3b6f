"""How long kernels take to compile, and the first result afterwards: processor seconds of one core.

    pytest -q -s tests/benchmarks/test_bench_starts.py

Every run is a process of its own. Cold: in a home that is empty, every technical indicator, or
every factor of Alpha158, of a panel so small that compiling is nearly all there is to do. Warm: the
same home again, from the import of `tasks.indicators.technical` to the first result of one
indicator.
Medians of three cold and five warm runs.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

CLOCK = "import time; began = time.process_time()\n"
PANEL = """
import numpy as np
rng = np.random.default_rng(1)
bars = {name: 10 + rng.random((400, 8)) for name in ("open", "low", "close", "volume", "amount")}
bars["high"] = bars["open"] + bars["close"]
"""
TECHNICAL = """
from tasks.indicators import technical
made = [getattr(technical, name) for name in technical.__all__]
made = {i.__name__: i.__name__ for i in made if isinstance(i, technical.Indicator)}
assert len(made) > 90
technical.compute(made, bars)
"""
ALPHA = """
from tasks.data.panel import Panel
from tasks.indicators.alpha158 import ALPHA158
from tasks.indicators.expressions.evaluating import evaluate
days = np.busday_offset("2024-01-02", np.arange(400))
names = tuple(f"60000{i}.SH" for i in range(8))
evaluate(ALPHA158, Panel(days, names, bars | {"vwap": bars["close"]}))
"""
FIRST = "from tasks.indicators import technical\ntechnical.rsi(np.arange(50.0))\n"
TOLD = "print(time.process_time() - began)"


def seconds(home: Path, work: str) -> float:
    """Processor seconds of a new process, from its first import on."""
    words = [sys.executable, "-c", CLOCK + PANEL + work + TOLD]
    env = os.environ | {"QILIN_HOME": str(home)}
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=True)
    return float(done.stdout)


def test_cold_and_warm_starts(tmp_path: Path) -> None:
    for what, work in (("technical indicators", TECHNICAL), ("Alpha158", ALPHA)):
        cold = [seconds(tmp_path / f"{what}-{i}", work) for i in range(3)]
        print(f"\n{what}, nothing compiled: {statistics.median(cold):.1f} s")
    warm = [seconds(tmp_path / "technical indicators-0", FIRST) for _ in range(5)]
    print(f"first result of one indicator, kernels compiled: {statistics.median(warm):.2f} s")
