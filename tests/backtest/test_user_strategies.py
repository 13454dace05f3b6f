"""The user's own strategies: expressions and functions, equal to ours, with their faults told."""

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest

from tasks.backtest.blocks import finish, merge
from tasks.backtest.combinations import combinations, parameter_sets
from tasks.backtest.config import CostConfig, SweepConfig
from tasks.backtest.strategies.arithmetic import arithmetic
from tasks.backtest.strategies.user import read_strategy
from tasks.backtest.sweep import sweep, sweep_block
from tasks.data.userfiles import UserFile
from tasks.errors import UserError

_SPEC = importlib.util.spec_from_file_location(
    "backtest_markets", Path(__file__).parent / "conftest.py"
)
_MARKETS = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MARKETS)
market = _MARKETS.market
COSTS = CostConfig(slippage_bp=7.0)

CROSS = UserFile(
    "cross.toml",
    """
    [strategy]
    entry = "Mean($close, {fast}) > Mean($close, {slow})"
    constraint = "fast < slow"
    warm_up = "slow"
    [parameters]
    fast = [3, 5, 10]
    slow = { start = 8, stop = 30, step = 22 }
    """,
)
RANKING = UserFile(
    "best.toml",
    """
    [strategy]
    score = "$close / Ref($close, {lookback}) - 1"
    top = "top"
    every = 4
    warm_up = "lookback + 1"
    [parameters]
    lookback = [5, 20]
    top = [20, 50]
    """,
)
FUNCTION = UserFile(
    "mine.py",
    """
import numpy as np
PARAMETERS = {"fast": [3, 5, 10], "slow": [8, 30]}
CONSTRAINT = "fast < slow"
WARM_UP = "slow"

def _mean(values, n):
    out = np.full(values.shape, np.nan)
    for t in range(n - 1, len(values)):
        out[t] = values[t - n + 1 : t + 1].mean(axis=0)
    return out

def positions(panel, *, fast, slow):
    close = panel["close"]
    return (_mean(close, fast) > _mean(close, slow)).astype(float)
""",
)


def own(file, panel, **more):
    sets = combinations("", read_strategy(file).usual_grid, file)
    return sweep(panel, "", sets, COSTS, **more)


@pytest.mark.parametrize("file", [CROSS, FUNCTION], ids=["expressions", "function"])
def test_a_rule_of_ones_own_equals_the_same_rule_of_ours(file):
    panel = market(200, 5)
    mine = own(file, panel)
    ours = sweep(panel, "ma_cross", {"fast": (3, 5, 10), "slow": (8, 30)}, COSTS)
    np.testing.assert_array_equal(mine.combinations.values, ours.combinations.values)
    np.testing.assert_allclose(mine.returns, ours.returns, rtol=0, atol=1e-13)
    np.testing.assert_array_equal(mine.pairs["trades"], ours.pairs["trades"])
    assert list(mine.frame["error"]) == [""] * len(ours.frame)


def test_a_ranking_of_ones_own_equals_momentum():
    panel = market(200, 6)
    mine = own(RANKING, panel)
    grid = {"lookback": (5, 20), "skip": (0,), "top": (20, 50), "every": (4,)}
    ours = sweep(panel, "momentum", grid, COSTS)
    np.testing.assert_allclose(mine.returns, ours.returns, rtol=0, atol=1e-13)


def test_enter_and_leave_and_their_streaming_version():
    file = UserFile(
        "band.toml",
        '[strategy]\nentry = "$close < Mean($close, {n}) * 0.98"\n'
        'exit = "$close > Mean($close, {n})"\nwarm_up = "n"\n[parameters]\nn = [5, 10]\n',
    )
    panel = market(150, 4, holes=0.05)
    sets = combinations("", read_strategy(file).usual_grid, file)
    fast, slow = (
        sweep_block(panel, sets, costs=COSTS, first=10, design=d) for d in ("events", "streaming")
    )
    np.testing.assert_array_equal(fast.sums, slow.sums)
    np.testing.assert_allclose(fast.pairs, slow.pairs, rtol=0, atol=1e-11)
    close = panel["close"][:, 0]
    held, bought = False, 0
    for t in range(4, len(close)):
        window = close[max(t - 4, 0) : t + 1]
        mean = np.nanmean(window)
        if not math.isnan(close[t]) and close[t] > mean:
            held = False
        elif not math.isnan(close[t]) and close[t] < mean * 0.98 and not held:
            held = True
            bought += t >= 9
    assert abs(fast.pairs[0, 0, 4] - bought) <= 2  # holes may delay or swallow one at the edge


def test_fractions_are_followed():
    file = UserFile(
        "half.py",
        "import numpy as np\nPARAMETERS = {'part': [0.25, 1.0]}\n"
        "def positions(panel, *, part):\n    return np.full(panel.shape, part)\n",
    )
    panel = market(120, 3)
    table = own(file, panel)
    quarter, whole = table.returns
    assert quarter.std() < 0.5 * whole.std()
    assert list(table.frame["trades"] > 0) == [True, True]


def test_no_block_size_changes_a_bit():
    panel = market(120, 4, holes=0.05)
    whole, parts = own(CROSS, panel), own(CROSS, panel, trials_per_block=2, symbols_per_block=1)
    assert whole.frame.equals(parts.frame)
    assert whole.returns.tobytes() == parts.returns.tobytes()


def test_a_set_that_fails_is_a_row_with_its_error():
    file = UserFile(
        "odd.py",
        "PARAMETERS = {'n': [1, 2, 3, 4]}\n"
        "def positions(panel, *, n):\n"
        "    if n == 2:\n"
        "        return panel['close'][:5]\n"
        "    if n == 3:\n"
        "        raise ValueError('no three')\n"
        "    if n == 4:\n"
        "        return panel['close']\n"
        "    return panel['close'] > 10\n",
    )
    table = own(file, market(100, 3))
    good, shape, raised, size = table.frame["error"]
    assert good == ""
    assert "odd.py: positions with n 2 gives shape (5, 3)" in shape
    assert raised.startswith("odd.py, line 6: ValueError: no three")
    assert "positions with n 3" in raised
    assert "fractions from 0 to 1" in size
    assert math.isfinite(table.frame["sharpe"][0])
    assert table.frame["sharpe"][1:].isna().all()
    assert np.isnan(table.returns[1:]).all()


def test_where_every_set_fails_the_sweep_says_why():
    rule = '[strategy]\nentry = "Mean($clsoe, {n}) > 10"\n[parameters]\nn = [5, 8]\n'
    for rows in (1, 500):
        with pytest.raises(UserError, match=r"none of 2 parameter sets .*: typo\.toml: .*clsoe"):
            own(UserFile("typo.toml", rule), market(100, 3), trials_per_block=rows)
    one = rule.replace(", 8", "")
    with pytest.raises(UserError, match=r"^typo\.toml: ") as told:
        own(UserFile("typo.toml", one), market(100, 3))
    assert "\n" not in str(told.value)
    assert "^" not in str(told.value)


def test_an_error_of_many_lines_is_one_line_of_the_table():
    file = UserFile(
        "talk.py",
        "PARAMETERS = {'n': [1, 2]}\n"
        "def positions(panel, *, n):\n"
        "    if n == 2:\n"
        "        raise ValueError('first\\n\\n  second')\n"
        "    return panel['close'] > 10\n",
    )
    assert "first second" in own(file, market(100, 3)).frame["error"][1]


def test_an_expression_that_fails_for_one_set_leaves_the_others():
    file = UserFile(
        "windows.toml",
        '[strategy]\nentry = "Mean($close, {n}) > 10"\n[parameters]\nn = [5, 2.5]\n',
    )
    table = own(file, market(100, 3))
    assert table.frame["error"][0] == ""
    assert table.frame["error"][1].startswith("windows.toml: ")


#: holds tomorrow's winner, from the sixtieth day on
WINNER = """out = np.roll(panel["close"], -1, axis=0) / panel["close"]
    out = out >= np.nanmax(out, axis=1, keepdims=True)
    out[:60] = False
    return out"""


@pytest.mark.parametrize(
    "body",
    [
        "return panel['close'][::-1] > 10",
        "return panel['close'] > panel['close'].mean(axis=0)",
        "return panel['close'] > panel['close'][:40].mean(axis=0)",
        "return np.roll(panel['close'], -1, axis=0) > panel['close']",
        "return np.roll(panel['open'], -2, axis=0) > np.roll(panel['open'], -1, axis=0)",
        "return np.roll(panel['volume'], -1, axis=0) > panel['volume']",
        "return np.arange(len(panel.dates))[:, None] * np.ones(panel.shape) > len(panel.dates) / 2",
        WINNER,
    ],
)
@pytest.mark.parametrize(("stocks", "seed"), [(3, 1), (1, 1), (1, 5), (1, 9), (2, 4)])
def test_a_look_into_the_future_is_refused(body, stocks, seed):
    if stocks == 1 and body == WINNER:
        pytest.skip("the only stock is always the winner")
    file = UserFile("seer.py", f"import numpy as np\ndef positions(panel):\n    {body}\n")
    with pytest.raises(UserError, match=r"seer\.py looks into the future: with no parameters"):
        own(file, market(300, stocks, seed=seed))


LAG = """
import pandas as pd
PARAMETERS = {"lag": [1, 2, -1]}

def positions(panel, *, lag):
    close = pd.DataFrame(panel["close"])
    risen = close > close.shift(lag)
    return (risen if lag > 0 else ~risen).to_numpy()
"""


def test_every_set_is_looked_at():
    file = UserFile("lag.py", LAG)
    with pytest.raises(UserError, match=r"^lag\.py looks into the future: with lag -1 its value"):
        own(file, market(100, 3))


def test_what_a_rule_keeps_hides_no_look_into_the_future():
    file = UserFile(
        "keeper.py",
        "import numpy as np\nseen = []\n"
        "def positions(panel):\n"
        "    seen.append(np.roll(panel['close'], -1, axis=0) > panel['close'])\n"
        "    return seen[0][: len(panel.dates)]\n",
    )
    with pytest.raises(UserError, match=r"keeper\.py looks into the future"):
        own(file, market(100, 3))


def test_a_rule_that_needs_many_days_is_looked_at_with_all_of_them():
    text = (
        "import numpy as np\nfrom numpy.lib.stride_tricks import sliding_window_view\n"
        "def positions(panel):\n"
        "    mean = sliding_window_view(panel['close'], 30, axis=0).mean(axis=-1)\n"
        "    out = np.zeros(panel.shape)\n"
        "    out[29:] = panel['close'][29:] > mean\n"
        "    return out\n"
    )
    assert own(UserFile("long.py", text), market(100, 3)).frame["error"][0] == ""
    peeking = text.replace("return out", "return np.roll(out, -1, axis=0)")
    with pytest.raises(UserError, match=r"long\.py looks into the future"):
        own(UserFile("long.py", peeking), market(100, 3))
    fixed = text.replace(
        "mean =", "assert len(panel.dates) == 100 and panel['close'].max() < 30\n    mean ="
    )
    with pytest.raises(UserError, match="nobody can say whether the rule looks into the future"):
        own(UserFile("long.py", fixed), market(100, 3))


def test_an_honest_rule_with_a_late_start_passes():
    text = (
        "import pandas as pd\ndef positions(panel):\n    close = pd.DataFrame(panel['close'])\n"
        "    return (close > close.rolling(60).mean()).to_numpy()\n"
    )
    assert own(UserFile("late.py", text), market(150, 3)).frame["error"][0] == ""
    peeking = text.replace("close >", "close.shift(-1) >")
    with pytest.raises(UserError, match=r"late\.py looks into the future"):
        own(UserFile("late.py", peeking), market(150, 3))


def test_a_function_cannot_change_the_panel():
    file = UserFile(
        "rude.py", "def positions(panel):\n    panel['close'][:] = 1\n    return panel['close']\n"
    )
    panel = market(60, 2)
    before = panel["close"].copy()
    with pytest.raises(UserError, match=r"rude\.py, line 2: positions writes into an array that"):
        own(file, panel)
    np.testing.assert_array_equal(panel["close"], before)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.toml", "[strategy]\n", "a.toml has no table .strategy. with either entry or score"),
        ("a.toml", "strategy = [", "a.toml is no valid TOML"),
        ("a.toml", '[strategy]\nentry = "$close > {n}"\n', r"entry names \{n\}, which is not in"),
        ("a.toml", '[strategy]\nentry = "1"\nexits = "1"\n', "a.toml has 'exits', which is"),
        ("a.toml", '[strategy]\nentry = "1"\n[parameters]\nn = "x"\n', "parameter n is 'x'"),
        ("a.toml", '[strategy]\nentry = "1"\nconstraint = "open(1)"\n', "has open.1., which is no"),
        ("a.py", "def rule(panel):\n    pass\n", "a.py defines neither positions nor scores"),
        ("a.py", "def positions(panel:\n", "a.py, line 1"),
        ("a.py", "1 / 0\n", "a.py, line 1: ZeroDivisionError"),
    ],
)
def test_a_file_that_is_wrong_is_told_in_one_sentence(name, text, said):
    with pytest.raises(UserError, match=said) as told:
        read_strategy(UserFile(name, text))
    assert "\n" not in str(told.value)


def test_arithmetic_on_parameters():
    values = {"a": np.array([1.0, 2.0, 3.0]), "b": np.array([2.0, 2.0, 2.0])}
    names = ("a", "b")
    for text, expected in (
        ("a < b", [1, 0, 0]), ("1 < a <= b + 1", [0, 1, 1]), ("a == b or not a < 3", [0, 1, 1]),
        ("-a * 2 + b / 2", [-1, -3, -5]), ("a < b and b > 1", [1, 0, 0]),
    ):  # fmt: skip
        np.testing.assert_array_equal(arithmetic(text, names)(values), expected)
    for wrong in ("c < 1", "a.real", "a ** 9", "[a]", "__import__('os')", "a <"):
        with pytest.raises(UserError):
            arithmetic(wrong, names)


def test_settings_name_the_files_own_parameters():
    file = CROSS
    config = SweepConfig(values={"fast": (4, 6)})
    sets = parameter_sets(config, file)
    assert sets.strategy == "cross"
    np.testing.assert_array_equal(np.unique(sets.column("fast")), [4, 6])
    with pytest.raises(UserError, match=r"'speed', which is no parameter of cross\.toml"):
        parameter_sets(SweepConfig(values={"speed": (1,)}), file)


def test_blocks_of_a_file_come_back_from_the_store(qilin_home):
    from tasks.backtest import archive
    from tasks.data.store import Store

    panel = market(80, 3)
    sets = combinations("", read_strategy(CROSS).usual_grid, CROSS)
    block = sweep_block(panel, sets, costs=COSTS, first=30, pairs=False)
    store = Store()
    artifact = store.put("sweep", "0" * 64, archive.block_files(block))
    back = archive.block_from(store, artifact)
    assert finish(merge([back]), COSTS).frame.equals(finish(merge([block]), COSTS).frame)
