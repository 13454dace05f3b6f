"""The user's factor files: what they may say, and one clear sentence for what they may not."""

from pathlib import Path

import numpy as np
import pytest

from tasks.data.panel import Panel
from tasks.data.userfiles import UserFile
from tasks.errors import UserError
from tasks.indicators import userfactors

CHINESE = "跳空 = $open / Ref($close, 1) - 1\n"
TEXT = """
# mine
GAP = $open / Ref($close, 1) - 1   # since yesterday
RANKED = CSRank($amount)
SAME = "$close == $open"
[labels]
NEXT = Ref($close, -1) / $close - 1
"""
TOML = """
GAP = "$open / Ref($close, 1) - 1"
[factors]
RANKED = "CSRank($amount)"
SAME = "$close == $open"
[labels]
NEXT = "Ref($close, -1) / $close - 1"
"""


@pytest.mark.parametrize(("name", "text"), [("a.txt", TEXT), ("a.toml", TOML)])
def test_text_and_toml_say_the_same(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    read = userfactors.read(str(tmp_path / name))
    assert dict(read.expressions) == {
        "GAP": "$open / Ref($close, 1) - 1",
        "RANKED": "CSRank($amount)",
        "SAME": "$close == $open",
    }
    assert list(read.labels) == ["NEXT"]
    assert [n for n, _ in read.lane] == ["GAP", "SAME"]
    assert [n for n, _ in read.across] == ["RANKED"]
    assert read.needs_everyone
    assert read.code is None


def test_names_may_be_of_any_script(market: Panel) -> None:
    assert list(userfactors.understood(UserFile("a.txt", CHINESE)).expressions) == ["跳空"]
    code = UserFile("a.py", "def 跳空(panel):\n    return panel['open']\n")
    assert list(userfactors.compute(code, market)) == ["跳空"]


def test_no_path_is_no_factor() -> None:
    nothing = userfactors.read("")
    assert nothing.file is None
    assert not nothing.expressions
    assert not nothing.needs_everyone


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.txt", "GAP = Mean($close, 5\n", r"^a\.txt: factor 'GAP', character 15: .*\n.*\n +\^$"),
        ("a.txt", "GAP = Ref($close, -1)\n", r"'GAP', character 13: Ref looks 1 day ahead"),
        ("a.toml", 'GAP = "Ref($close, -2)"\n', r"^a\.toml: .*character 13: Ref looks 2 days"),
        ("a.txt", "GAP\n", "line 1: write NAME = EXPRESSION"),
        ("a.txt", "GAP = $close\nGAP = $open\n", "line 2: the name GAP is given twice"),
        ("a.txt", "[other]\n", r"line 1: \[other\] is no table"),
        ("a.txt", "# nothing\n", "holds no factor"),
        ("a.toml", "GAP = 3\n", "GAP is no text"),
        ("a.toml", '"my gap" = "$close"\n', "'my gap' is no name"),
        ("a.py", "x = 1\n", "defines no function"),
        ("a.py", "def f(p):\n  retrun 1\n", "line 2: invalid syntax"),
    ],
)
def test_faults_are_one_sentence_with_the_place(name: str, text: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        userfactors.understood(UserFile(name, text))
    assert str(caught.value).startswith("a.")


PYTHON = """
import numpy as np
from math import sqrt

def _helper(x):
    return 2 * x

def twice(panel):
    return _helper(panel["close"])

def several(panel):
    return {"one": panel["open"], "two": panel["volume"].astype("float32")}
"""


def test_functions_of_a_python_file_give_named_arrays(market: Panel) -> None:
    file = UserFile("a.py", PYTHON)
    read = userfactors.understood(file)
    assert read.code is file
    called = userfactors.functions(file)
    assert list(called) == ["twice", "several"]
    found = userfactors.compute(file, market)
    assert list(found) == ["twice", "one", "two"]
    np.testing.assert_array_equal(found["twice"], 2 * market["close"])
    assert all(grid.dtype == np.float64 for grid in found.values())


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return panel['nothing']", "a.py, line 2: the panel of source"),
        ("return panel['close'][0]", "a.py: f gives f in shape"),
        ("return 'text'", "a.py: f gives str: give an array of numbers"),
        ("return {'a b': panel['close']}", "a.py: f names an output 'a b'"),
        ("raise ValueError('no luck')", "a.py, line 2: ValueError: no luck: correct it"),
        ("raise SystemExit(3)", "a.py, line 2: SystemExit: 3: correct it"),
        ("panel['close'][0] = 1", "a.py, line 2: f writes into an array that is not its own"),
        ("panel['close'].sort(axis=0)", "a.py, line 2: f writes into an array that is not its own"),
    ],
)
def test_faults_of_functions_are_one_sentence(market: Panel, body: str, words: str) -> None:
    file = UserFile("a.py", f"def f(panel):\n    {body}\n")
    with pytest.raises(UserError) as caught:
        userfactors.compute(file, market)
    assert str(caught.value).startswith(words)


WRAPPED = """
import functools
from numpy import nanmean

def _scaled(panel, by):
    return panel["close"] * by

twice = functools.partial(_scaled, by=2)

@functools.lru_cache
def cached(panel):
    return panel["close"]

class Times:
    def __init__(self, by):
        self.by = by

    def __call__(self, panel):
        return panel["close"] * self.by

thrice = Times(3)
plain = lambda panel: panel["open"]
number = 7
"""


def test_whatever_the_file_itself_makes_callable_is_a_factor(market: Panel) -> None:
    file = UserFile("a.py", WRAPPED.replace("@functools.lru_cache\n", ""))
    found = userfactors.compute(file, market)
    assert list(found) == ["twice", "cached", "thrice", "plain"]
    np.testing.assert_array_equal(found["thrice"], 3 * market["close"])
    assert list(userfactors.functions(UserFile("a.py", WRAPPED))) == list(found)


def test_functions_share_neither_the_panel_nor_what_they_give(market: Panel) -> None:
    text = (
        "import numpy as np\nbuffer = []\n"
        "def first(panel):\n    panel.fields['close'] = panel['open']\n    return panel['close']\n"
        "def second(panel):\n    return panel['close']\n"
        "def third(panel):\n    buffer.append(panel['low'].copy())\n    return buffer[0]\n"
        "def fourth(panel):\n    buffer[0] *= 2\n    return buffer[0]\n"
    )
    found = userfactors.compute(UserFile("a.py", text), market)
    np.testing.assert_array_equal(found["first"], market["open"])
    np.testing.assert_array_equal(found["second"], market["close"])
    np.testing.assert_array_equal(found["third"], market["low"])
    np.testing.assert_array_equal(found["fourth"], 2 * market["low"])
    found["second"][:] = 0.0
    assert np.nanmin(market["close"]) > 0.0
