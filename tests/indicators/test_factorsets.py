"""Factor sets joined: unique names, the same bits however the symbols are cut, across symbols."""

import numpy as np
import pytest
from pydantic import ValidationError

from tasks.data.panel import Panel
from tasks.data.userfiles import UserFile
from tasks.indicators import factorsets
from tasks.indicators.alpha158 import ALPHA158
from tasks.indicators.config import FactorConfig, FeatureConfig
from tasks.indicators.expressions.evaluating import evaluate

BOTH = FactorConfig(sets=("alpha158", "alpha360"))
USER = [["OPEN0", "$open / $close"], ["MINE", "Mean($close, 5) / $close"]]


def test_later_names_that_clash_get_their_set_in_front() -> None:
    names = factorsets.names(BOTH)
    assert len({n for n, _, _ in names}) == len(names) == 158 + 360
    assert [n for n, _, _ in names[:158]] == list(ALPHA158)
    clashed = [n for n, _, _ in names if "." in n]
    assert clashed == [f"alpha360.{n}" for n in ("OPEN0", "HIGH0", "LOW0", "VWAP0")]


def test_sets_and_the_users_expressions_come_with_their_set_and_text(market: Panel) -> None:
    config = FactorConfig(sets=("technical32", "alpha158"))
    found = factorsets.in_blocks(market, config, USER)
    assert len(found.grids) == 32 + 158 + 2
    assert found.sets["rsi_14"] == "technical32"
    assert found.sets["KMID"] == "alpha158"
    assert found.sets["user.OPEN0"] == found.sets["MINE"] == "user"
    assert found.expressions["MINE"] == "Mean($close, 5) / $close"
    assert "rsi_14" not in found.expressions
    expected = evaluate({"x": ALPHA158["MA20"]}, market, "cpu", dtype="float32")["x"]
    np.testing.assert_array_equal(found.grids["MA20"], expected)
    assert all(g.dtype == np.float32 for g in found.grids.values())
    assert not any(np.isinf(g).any() for g in found.grids.values())


def test_blocks_of_symbols_give_the_same_bits(market: Panel) -> None:
    config = FactorConfig(sets=("technical32", "alpha158"))
    whole = factorsets.in_blocks(market, config, USER)
    part = factorsets.in_blocks(market.columns(slice(3, 7)), config, USER)
    for name, grid in part.grids.items():
        np.testing.assert_array_equal(grid, whole.grids[name][:, 3:7])


def test_ranks_see_every_stock_and_no_index(market: Panel) -> None:
    import dataclasses

    index = dataclasses.replace(market, benchmarks=(market.symbols[-1],))
    user = [
        ["RANKED", "CSRank($close)"],
        ["INDEX", f"ChangeInstrument('{market.symbols[-1]}', $close) / $close"],
        ["KMID", "CSRank($open)"],
    ]
    found = factorsets.across(index, FactorConfig(sets=("alpha158",)), user)
    assert list(found.grids) == ["RANKED", "INDEX", "user.KMID"]
    assert found.expressions["user.KMID"] == "CSRank($open)"
    ranks = found.grids["RANKED"]
    assert ranks.shape == (market.shape[0], market.shape[1] - 1)
    known = np.isfinite(market["close"][200, :-1])
    order = np.argsort(market["close"][200, :-1][known])
    assert list(np.argsort(ranks[200][known])) == list(order)
    assert np.isnan(ranks[200][~known]).all()
    assert np.isfinite(found.grids["INDEX"]).any()


def test_functions_join_across_symbols_and_lose_infinities(market: Panel) -> None:
    code = UserFile("a.py", "def KMID(panel):\n    return panel['close'] / 0.0\n")
    with np.errstate(divide="ignore"):
        found = factorsets.across(market, FactorConfig(sets=("alpha158",)), [], code)
    assert list(found.grids) == ["user.KMID"]
    assert found.device is None
    assert np.isnan(found.grids["user.KMID"]).all()


def test_settings_need_a_set_or_a_file_and_never_tell_the_path() -> None:
    with pytest.raises(ValidationError, match="there are no factors"):
        FeatureConfig(sets=())
    with pytest.raises(ValidationError, match="named twice"):
        FeatureConfig(sets=("alpha158", "alpha158"))
    assert "file" not in FeatureConfig(sets=(), file="/a/b.toml").computed()
