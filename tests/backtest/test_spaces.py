"""Parts of a space: the same sets as the whole, wherever they are made."""

import json

import numpy as np
import pytest

from tasks.backtest.combinations import combinations, parameter_sets
from tasks.backtest.config import SweepConfig
from tasks.backtest.spaces import sets_of, space, sub_parts, widest
from tasks.data.userfiles import UserFile
from tasks.errors import UserError

GRID = SweepConfig(strategy="macd")
DRAWN = SweepConfig(strategy="bollinger", search="random", samples=37)


@pytest.mark.parametrize("config", [GRID, DRAWN], ids=["grid", "random"])
@pytest.mark.parametrize("size", [1, 5, 100])
def test_parts_tile_the_whole(config, size):
    whole, every = parameter_sets(config), space(config)
    assert len(every) == len(whole)
    assert every.lookback == whole.lookback
    parts = [every.part(i, min(i + size, len(every))) for i in range(0, len(every), size)]
    found = [sets_of(json.loads(json.dumps(part))) for part in parts]
    np.testing.assert_array_equal(np.concatenate([s.values for s in found]), whole.values)
    np.testing.assert_array_equal(np.concatenate([s.numbers for s in found]), whole.numbers)


@pytest.mark.parametrize("config", [GRID, DRAWN], ids=["grid", "random"])
def test_parts_of_parts_are_parts(config):
    every = space(config)
    parts = sub_parts(every.part(3, 31), 9)
    assert [len(sets_of(p)) for p in parts] == [9, 9, 9, 1]
    whole = parameter_sets(config)
    np.testing.assert_array_equal(
        np.concatenate([sets_of(p).values for p in parts]), whole.values[3:31]
    )
    assert [int(n) for p in parts for n in sets_of(p).numbers] == list(range(3, 31))


def test_a_spread_reaches_both_ends():
    some = space(GRID).spread(5)
    whole = combinations("macd", GRID.grid())
    np.testing.assert_array_equal(some.values[[0, -1]], whole.values[[0, -1]])
    assert len(space(DRAWN).spread(5)) == 5
    assert widest(GRID) >= whole.lookback


def test_a_grid_beyond_counting_is_refused_at_once():
    values = {n: tuple(range(1, 501)) for n in "abcde"}
    text = "[strategy]\nentry = '$close > {a} + {b} + {c} + {d} + {e}'\n[parameters]\n"
    file = UserFile("vast.toml", text + "".join(f"{n} = [1]\n" for n in values))
    with pytest.raises(UserError, match=r"the grid of vast has about 10\^13 combinations"):
        space(SweepConfig(values=values), file)


def test_an_empty_grid_is_told():
    with pytest.raises(UserError, match="holds no sensible set: the fast window must be shorter"):
        space(SweepConfig(values={"fast": (60,), "slow": (20,)}))
