"""No indicator and no operator looks ahead: all of them, as they are found in their registries."""

import inspect
from typing import Any

import numpy as np
import pytest

from tasks.data.panel import Panel
from tasks.errors import UserError
from tasks.indicators import technical
from tasks.indicators.alpha158 import ALPHA158
from tasks.indicators.alpha360 import ALPHA360
from tasks.indicators.config import FactorConfig
from tasks.indicators.expressions.evaluating import evaluate
from tasks.indicators.expressions.operators import OPERATORS
from tasks.indicators.features import technical_features
from tasks.indicators.lanes import Indicator
from tasks.validation.leaks import check

INDICATORS = {
    name: function
    for name in technical.__all__
    if isinstance(function := getattr(technical, name), Indicator)
}
#: first hidden rows: inside a suspension, on a listing, and late
CUTS = (70, 100, 137)
#: an example of each kind of argument; an expression depends on its place, so that operators of
#: two see two different ones
EXAMPLES: dict[str, tuple[str, ...]] = {
    "x": ("$close", "$volume", "$open - $low"),
    "n": ("7",),
    "q": ("0.3",),
    "s": ("'000300.SH'",),
    "g": ("$industry",),
}


@pytest.fixture(scope="module")
def bars() -> Panel:
    random = np.random.default_rng(5)
    shape = (150, 9)
    close = 20 * np.exp(np.cumsum(0.02 * random.standard_normal(shape), axis=0))
    open_ = close * (1 + 0.01 * random.standard_normal(shape))
    fields = {
        "open": open_,
        "high": np.maximum(open_, close) * 1.01,
        "low": np.minimum(open_, close) * 0.99,
        "close": close,
        "volume": random.integers(1, 10**6, shape).astype(float),
    }
    gone = random.random(shape) < 0.04
    gone[65:80, 2] = True
    gone[:100, 3] = True
    for name in ("open", "high", "low", "close"):
        fields[name][gone] = np.nan
    fields["volume"][gone] = 0.0
    fields["amount"] = fields["volume"] * np.nan_to_num(close)
    fields["vwap"] = close * 1.001
    fields["industry"] = np.broadcast_to(np.arange(9.0) % 3, shape).copy()
    dates = np.arange("2024-01-01", "2025-01-01", dtype="datetime64[D]")[:150]
    symbols = ("000300.SH", *(f"{600000 + i}.SH" for i in range(8)))
    return Panel(dates, symbols, fields, "adjusted", benchmarks=("000300.SH",))


def require_clean(compute: Any, panel: Panel, count: int) -> None:
    report = check(compute, panel, cuts=CUTS)
    assert report.ok, report.sentence
    assert len(report.names) >= count


def test_no_technical_indicator_looks_ahead(bars: Panel) -> None:
    def every(panel: Panel) -> dict[str, Any]:
        found = {}
        for name, function in INDICATORS.items():
            results = function(**{field: panel[field] for field in function.inputs})
            several = results if isinstance(results, tuple) else (results,)
            found |= {f"{name} {i}": values for i, values in enumerate(several)}
        return found

    assert len(INDICATORS) > 50
    require_clean(every, bars, len(INDICATORS))


def test_no_operator_looks_ahead(bars: Panel) -> None:
    texts = {}
    for name, operator in OPERATORS.items():
        places = dict.fromkeys(operator.arguments, 0)
        given = []
        for kind in operator.arguments:
            given.append(EXAMPLES[kind][places[kind]])
            places[kind] += 1
        texts[name] = f"{name}({', '.join(given)})"
    assert len(texts) >= 50
    require_clean(lambda panel: evaluate(texts, panel, "cpu"), bars, len(texts))


def test_no_expression_of_the_known_sets_and_no_technical_feature_looks_ahead(bars: Panel) -> None:
    texts = {**{f"{n} ": t for n, t in ALPHA158.items()}, **ALPHA360}
    config = FactorConfig(dtype="float64")

    def every(panel: Panel) -> dict[str, Any]:
        return evaluate(texts, panel, "cpu") | technical_features(panel, config)

    require_clean(every, bars, 158 + 360 + 32)


@pytest.mark.parametrize("name", ["Ref", "Delta"])
def test_looking_ahead_is_for_labels_alone(name: str, bars: Panel) -> None:
    text = {"next": f"{name}($close, -1)"}
    with pytest.raises(UserError, match=f"character {len(name) + 10}: {name} looks 1 day ahead"):
        evaluate(text, bars, "cpu")
    label = check(lambda panel: evaluate(text, panel, "cpu", allow_future=True), bars, cuts=CUTS)
    assert not label.ok


def test_the_indicators_signature_names_its_inputs() -> None:
    for name, function in INDICATORS.items():
        assert set(function.inputs) <= set(inspect.signature(function).parameters), name
