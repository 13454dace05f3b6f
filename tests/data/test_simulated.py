"""The artificial market obeys the market's rules and hides exactly the signal it says."""

import numpy as np
import pytest

from tasks.data.config import DataConfig, SimulatedConfig
from tasks.data.gate import gate
from tasks.data.sources import artificial, simulated
from tasks.errors import UserError
from tasks.market import calendar
from tasks.market.rules import a_share_rules
from tasks.market.symbols import board

SMALL = SimulatedConfig(n_symbols=60, seed=3, st_rate=0.2, delisting_rate=0.05)
CONFIG = DataConfig(simulated=SMALL)
LAST = "2024-06-28"


@pytest.fixture(scope="module")
def bars():
    return simulated.read(CONFIG, LAST)


@pytest.fixture(scope="module")
def stocks(bars):
    return bars.frame[bars.frame["symbol"] != "000300.SH"]


@pytest.fixture(scope="module")
def panel(bars):
    return gate(bars).panel()


def daily_rank_ic(signal, label):
    out = []
    for x, y in zip(signal, label, strict=True):
        both = np.isfinite(x) & np.isfinite(y)
        if both.sum() > 20:
            ranks = [np.argsort(np.argsort(v[both])) for v in (x, y)]
            out.append(np.corrcoef(*ranks)[0, 1])
    return np.array(out)


def open_to_open(panel):
    price = panel.adjusted()["open"]
    label = np.full(price.shape, np.nan)
    label[:-2] = price[2:] / price[1:-1] - 1
    return label


def test_a_later_last_day_never_changes_earlier_bars(bars):
    early = simulated.read(CONFIG, "2023-03-15").frame
    cut = bars.frame[bars.frame["date"] <= np.datetime64("2023-03-15")]
    left = early.assign(symbol=early["symbol"].astype(str))
    right = cut.assign(symbol=cut["symbol"].astype(str)).reset_index(drop=True)
    assert left.equals(right)


def test_the_same_seed_gives_the_same_market_and_another_seed_another(bars):
    assert simulated.read(CONFIG, LAST).frame.equals(bars.frame)
    other = DataConfig(simulated=SMALL.model_copy(update={"seed": 4}))
    assert not simulated.read(other, LAST).frame["close"].equals(bars.frame["close"])


def test_the_gate_finds_nothing_to_set_aside(bars):
    gated = gate(bars)
    assert not len(gated.quarantine)
    assert gated.frame["suspended"].sum() > 0


def test_prices_are_quoted_in_cents_inside_the_limits(stocks):
    traded = stocks[stocks["volume"] > 0]
    special = traded["is_st"].to_numpy() == 1
    book, days = a_share_rules(), traded["date"].dt.strftime("%Y-%m-%d").to_numpy()
    rate = np.array([
        book.value("price_limit", s, d, "st" if x else "normal")
        for s, d, x in zip(traded["symbol"], days, special, strict=True)
    ])  # fmt: skip
    reference = np.rint(traded["preclose"].to_numpy() * 100).astype(int)
    percent = np.rint(rate * 100).astype(int)
    top = np.maximum((reference * (100 + percent) + 50) // 100, 1)
    bottom = np.maximum((reference * (100 - percent) + 50) // 100, 1)
    for name in ("open", "high", "low", "close"):
        cents = traded[name].to_numpy() * 100
        np.testing.assert_allclose(cents, np.rint(cents), atol=1e-6)
        assert (np.rint(cents) <= top).all()
        assert (np.rint(cents) >= bottom).all()
    at_limit = np.rint(traded["close"].to_numpy() * 100) == top
    assert 0 < at_limit.mean() < 0.03
    assert special.any()


def test_volume_comes_in_lots_and_amount_fits_the_prices(stocks):
    traded = stocks[stocks["volume"] > 0]
    assert (traded["volume"] % 100 == 0).all()
    average = traded["amount"] / traded["volume"]
    assert (average <= traded["high"] * (1 + 1e-12)).all()
    assert (average >= traded["low"] * (1 - 1e-12)).all()


def test_a_suspended_day_repeats_the_last_close(stocks):
    before = stocks.groupby("symbol", observed=True)["close"].shift(1)
    still = (stocks["volume"] == 0) & before.notna()
    assert still.any()
    for name in ("open", "high", "low", "close"):
        assert (stocks[name][still] == before[still]).all()


def test_an_ex_day_lowers_the_raw_price_and_raises_the_factor(stocks):
    by_symbol = stocks.groupby("symbol", observed=True)
    close, factor = by_symbol["close"].shift(1), by_symbol["factor"].shift(1)
    cash, bonus = stocks["cash_dividend"], stocks["bonus_shares"]
    due = ((cash > 0) | (bonus > 0)) & close.notna()
    assert (cash[due] > 0).any()
    assert (bonus[due] > 0).any()
    assert set(stocks["date"][due].dt.month) <= {6, 7}
    exact = (close - cash) / (1 + bonus)
    np.testing.assert_allclose(stocks["preclose"][due], exact[due], atol=0.005001)
    np.testing.assert_allclose((stocks["factor"] / factor)[due], (close / exact)[due], rtol=1e-12)
    assert (stocks["factor"] == factor)[~due & factor.notna()].all()


def test_stocks_come_and_go(bars, stocks):
    first = stocks.groupby("symbol", observed=True)["date"].min()
    last = stocks.groupby("symbol", observed=True)["date"].max()
    assert (first > bars.frame["date"].min()).any()
    assert (last < bars.frame["date"].max()).any()
    assert {board(s) for s in first.index} == {"main", "chinext", "star"}


def test_no_stock_is_older_than_its_board():
    config = DataConfig(simulated=SMALL.model_copy(update={"start": "2019-06-03"}))
    frame = simulated.read(config, "2019-08-30").frame
    first = frame.groupby("symbol", observed=True)["date"].min()
    star = first[[board(s) == "star" for s in first.index]]
    assert len(star)
    assert star.min() == np.datetime64("2019-07-22")
    assert (first[[board(s) == "main" for s in first.index]] == first.min()).any()
    early = simulated.read(config, "2019-07-19").frame
    assert not [s for s in early["symbol"].unique() if board(s) == "star"]


def test_the_index_follows_the_stocks(bars, panel):
    assert bars.benchmarks == ("000300.SH",)
    level = panel["close"][:, panel.column("000300.SH")]
    close = panel.stocks().adjusted()["close"]
    move = np.nanmean(close[1:] / close[:-1] - 1, axis=1)
    assert np.corrcoef(move, level[1:] / level[:-1] - 1)[0, 1] > 0.99


def test_the_oracle_knows_the_next_open_to_open_return(panel):
    dates, symbols, signal = simulated.oracle(CONFIG, LAST)
    market = panel.stocks()
    assert symbols == market.symbols
    np.testing.assert_array_equal(dates, market.dates)
    ic = daily_rank_ic(signal, open_to_open(market))
    assert 0.07 < ic.mean() < 0.12


def test_the_signal_shows_in_bars_but_is_no_indicator(panel):
    _, _, signal = simulated.oracle(CONFIG, LAST)
    market = panel.stocks().adjusted()
    close = market["close"]
    week = np.full(close.shape, np.nan)
    week[5:] = close[5:] / close[:-5] - 1
    place = (close - market["low"]) / np.where(
        market["high"] > market["low"], market["high"] - market["low"], np.nan
    )
    assert -0.85 < daily_rank_ic(week, signal).mean() < -0.4
    assert -0.7 < daily_rank_ic(place, signal).mean() < -0.1


def test_at_strength_zero_there_is_nothing_to_know():
    config = DataConfig(simulated=SMALL.model_copy(update={"signal_strength": 0.0}))
    assert np.nanmax(np.abs(simulated.oracle(config, LAST)[2])) == 0.0
    market = gate(simulated.read(config, LAST)).panel().stocks()
    close = market.adjusted()["close"]
    week = np.full(close.shape, np.nan)
    week[5:] = close[5:] / close[:-5] - 1
    ic = daily_rank_ic(week, open_to_open(market))
    assert abs(ic.mean() / ic.std() * len(ic) ** 0.5) < 3


def test_the_content_is_parameters_and_last_day():
    name = simulated.content_id(CONFIG, LAST)
    assert name == simulated.content_id(DataConfig(simulated=SMALL), LAST)
    assert name != simulated.content_id(CONFIG, "2024-06-27")
    assert name != simulated.content_id(DataConfig(), LAST)
    ended = CONFIG.model_copy(update={"end": LAST})
    assert name == simulated.content_id(ended, "2026-01-05")


def test_a_day_before_the_market_is_one_sentence():
    with pytest.raises(UserError, match="starts on 2022-01-04"):
        simulated.read(CONFIG, "2021-12-31")


def test_load_gives_a_raw_panel_with_factors():
    panel = simulated.load(SMALL, end="2022-03-31")
    assert (panel.adjustment, panel.source) == ("raw", "simulated")
    assert {"factor", "is_st", "industry", "preclose"} <= set(panel.fields)


def test_the_signal_moves_exactly_the_return_from_the_next_open_to_the_one_after():
    days = calendar.sessions("2022-01-04", "2022-03-31")
    stocks = artificial._stocks(SMALL, days)
    silent = SMALL.model_copy(update={"signal_strength": 0.0})
    told = artificial._shocks(SMALL, stocks, 50)
    untold = artificial._shocks(silent, stocks, 50)
    day, night = (told[name] - untold[name] for name in ("day", "night"))
    planted = day[1:-1] + night[2:]
    np.testing.assert_allclose(planted, told["expected"][:-2], atol=1e-15)
    for name in ("volume", "place", "sigma"):
        np.testing.assert_array_equal(told[name], untold[name])
