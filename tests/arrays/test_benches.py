"""Whole sets of formulas on the CUDA side, in numba's simulator: the CPU's bits, in few launches.

The simulator proves the logic of the CUDA side, neither its numerics nor its speed.
"""

from __future__ import annotations

import json

import numpy as np
import pytest

from tasks.arrays import benches
from tasks.arrays.benches import Each

PREPARE = """
import json
import numpy as np
from tasks.arrays import serving, twins
from tasks.arrays.devices import Device
from tasks.data.panel import Panel
GPU = Device("gpu", "simulated")
serving._prove = lambda group, kernel: None  # the proofs have their own test
rng = np.random.default_rng(0)
rows, symbols = 66, 3
close = 20 * np.exp(np.cumsum(rng.normal(0, 0.02, (rows, symbols)), axis=0))
close[10:13, 1] = np.nan
close[:9, 2] = np.nan
bars = {"high": close * 1.01, "low": close * 0.98, "close": close, "open": close * 0.999}
bars["volume"] = np.where(np.isnan(close), 0.0, rng.lognormal(10, 1, close.shape))
panel = Panel(np.datetime64("2020-01-01") + np.arange(rows), tuple("ABC"), bars, "adjusted")
launches, launch = [], twins.launch

def counted(kernel, lanes, items, *rest):
    launches.append(items)
    launch(kernel, lanes, items, *rest)

twins.launch = counted

def compare(ours, theirs, used):
    assert used.kind == "gpu", used.reason
    for name in ours:
        np.testing.assert_array_equal(theirs[name], ours[name], err_msg=name)
    print(json.dumps([len(ours), len(launches), sum(launches)]))
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
words = {"x": "$close", "n": "7", "q": "0.3", "s": "'A'", "g": "$open"}
texts = {n: f"{n}({', '.join(words[a] for a in op.arguments)})" for n, op in OPERATORS.items()}
texts["all"] = "EMA($close, 0) + Mean($close, 0) + Ref($volume, 0)"
texts |= {f"mean{n}": f"Mean($close, {n}) / $close" for n in (2, 3, 5, 9)}
small = panel.rows(slice(0, 14))
evaluating.choose_device = lambda wish: GPU if wish == "gpu" else Device("cpu", "")
compare(evaluating.evaluate(texts, small, "cpu"), *evaluating.evaluate_on(texts, small, "gpu"))
"""


@pytest.mark.parametrize("program", [FEATURES, EXPRESSIONS], ids=["features", "expressions"])
def test_a_set_of_formulas_is_computed_together_and_to_the_last_bit(program, simulate):
    results, launches, calls = json.loads(simulate(PREPARE + program))
    assert results >= 32
    assert launches < 0.7 * calls


def test_items_of_a_call_are_taken_in_turn_on_the_cpu():
    calls = []

    def kernel(x, n, out):
        calls.append(n)
        out[:] = x * n

    out = np.zeros((2, 3))
    benches.CPU.call(kernel, 3, np.arange(3.0), Each(np.array([2, 5])), Each(out))
    assert calls == [2, 5]
    assert out.tolist() == [[0, 2, 4], [0, 5, 10]]
