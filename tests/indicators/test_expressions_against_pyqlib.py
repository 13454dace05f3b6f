"""The language against pyqlib itself, where `make peers` has installed it."""

from __future__ import annotations

import tarfile

import numpy as np
import pytest

from tasks.data.sources import qlib
from tasks.indicators.alpha158 import ALPHA158
from tasks.indicators.alpha360 import ALPHA360
from tasks.indicators.expressions import evaluate
from tasks.indicators.expressions.operators import OPERATORS
from tests.indicators import qlib_directory

pytestmark = [pytest.mark.peer, pytest.mark.slow]

#: Qlib computes in float32 where a window is not involved
ROUNDING = {"rtol": 2e-4, "atol": 2e-5}
#: cannot be compared: not in Qlib, or names a symbol as Qlib does not find it on every system
OURS_ALONE = {n for n, op in OPERATORS.items() if op.scope != "lane"}
#: with 0, Qlib takes shifts from the first row that it happens to load, and pairs fail in it
NO_ZERO = ("Ref", "Delta", "Corr", "Cov")
WORDS = {"x": "$close", "n": "7", "q": "0.3"}
#: Qlib's `Not` inverts the bits of a boolean and knows no other argument
SPECIAL = {
    "Not": "Not($close>$open)",
    "And": "And($close>$open, $high>$open)",
    "Or": "Or($close>$open, $high>$open)",
}


def every_operator() -> dict[str, str]:
    """Each operator once, two of its windows, and all conditions and signs."""
    found = {}
    for name, operator in OPERATORS.items():
        if name in OURS_ALONE:
            continue
        words = [WORDS[a] for a in operator.arguments]
        if operator.arguments.startswith("xx"):
            words[1] = "$open"
        found[name] = SPECIAL.get(name, f"{name}({', '.join(words)})")
        if "n" in operator.arguments and name not in NO_ZERO:
            found[f"{name} of all rows"] = found[name].replace("7", "0")
    signs = ("+", "-", "*", "/", ">", ">=", "<", "<=", "==", "!=")
    found |= {sign: f"$close {sign} $open" for sign in signs}
    return found | {"power": "Power($close, 2)", "both": "($close > $open) & ($high > $low)"}


def bars(days: int, symbols: int) -> dict[str, np.ndarray]:
    """Bars of an adjusted directory: suspensions, a late listing, a factor that is not 1."""
    rng = np.random.default_rng(4)
    close = 20 * np.exp(np.cumsum(rng.normal(0, 0.02, (days, symbols)), axis=0))
    factor = 1.0 + 0.25 * np.cumsum(rng.random(close.shape) < 0.01, axis=0)
    opened = close * (1 + rng.normal(0, 0.005, close.shape))
    prices = {
        "open": opened,
        "high": np.maximum(opened, close) * 1.01,
        "low": np.minimum(opened, close) * 0.99,
        "close": close,
        "vwap": (opened + close) / 2,
    }
    fields = {name: grid * factor for name, grid in prices.items()}
    fields |= {"volume": rng.lognormal(9, 1, close.shape) / factor, "factor": factor}
    gone = rng.random(close.shape) < 0.04
    gone[: days // 3, 1] = True
    return {name: np.where(gone, np.nan, grid) for name, grid in fields.items()}


def compare(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> None:
    assert set(ours) == set(theirs)
    for name, grid in ours.items():
        assert np.array_equal(np.isnan(grid), np.isnan(theirs[name])), f"{name}: other NaN"
        with np.errstate(over="ignore"):  # Qlib's numbers are float32, whose largest is 3.4e38
            stored = grid.astype(np.float32)
        np.testing.assert_allclose(stored, theirs[name], err_msg=name, **ROUNDING)


def test_every_operator_on_a_directory_with_factors(peers_python, tmp_path):
    days = np.busday_offset("2015-01-01", np.arange(260))
    root = qlib_directory.write(tmp_path / "qlib", days, bars(260, 4))
    texts = every_operator()
    theirs = qlib_directory.compute(peers_python, root, texts, tmp_path / "out.npz")
    compare(evaluate(texts, qlib.stored(root)), theirs)


@pytest.mark.parametrize("factors", [ALPHA158, ALPHA360], ids=["alpha158", "alpha360"])
def test_whole_sets_on_a_directory_with_factors(factors, peers_python, tmp_path):
    days = np.busday_offset("2015-01-01", np.arange(260))
    root = qlib_directory.write(tmp_path / "qlib", days, bars(260, 4))
    theirs = qlib_directory.compute(peers_python, root, factors, tmp_path / "out.npz")
    compare(evaluate(factors, qlib.stored(root)), theirs)


def test_real_bars(peers_python, real_data, tmp_path):
    with tarfile.open(real_data / "qlib_dir_mini_from_mit.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    root = next(tmp_path.glob("*/calendars")).parent
    some = {name: ALPHA158[name] for name in list(ALPHA158)[::8]}
    theirs = qlib_directory.compute(peers_python, root, some, tmp_path / "out.npz")
    ours = evaluate(some, qlib.stored(root))
    for name, grid in ours.items():
        ends = ~np.isnan(theirs[name])  # Qlib has no rows after the end of a symbol's files
        np.testing.assert_allclose(grid[ends], theirs[name][ends], err_msg=name, **ROUNDING)
