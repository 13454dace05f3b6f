"""The artificial A-share market: how its bars come about, one session after the other.

1. Every quantity has its own random stream, drawn in order of time: bars up to a day never depend
   on the last day asked for.
2. A hidden state z (one per stock, standard normal, mean-reverting within days) is the planted
   signal: the log return from open(t+1) to open(t+2) has the mean kappa * sigma * z(t), and
   nothing else in the market can be predicted. Market, sector and own shocks are symmetric.
3. What moves z shows in the bars, each part only dimly: it falls with the stock's own shocks (a
   short reversal), rises with a shock of volume and with a close near the low of the day's range,
   and a part is visible nowhere. No indicator equals it.
4. Prices are quoted in CNY 0.01, closes respect the board's limit, dividends and bonus shares lower
   the raw price on the ex-day while the factor rises.

Assumptions that a real market does not share: suspensions and delistings are independent of
returns, a suspended stock misses the market's moves, and nobody's orders move prices.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.data.sources.quoting import Stocks, cents, openings, quote, stream
from tasks.market.symbols import board

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.data.config import SimulatedConfig

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Days = NDArray[np.datetime64]

INDEX = "000300.SH"
SECTORS = 10
_SESSIONS_A_YEAR = 244
#: share of a day's variance that belongs to the night before
_OVERNIGHT = 0.25
#: persistence of the hidden state from session to session
_RHO = 0.85
#: weights of the hidden state's innovation: own shock, volume, place in the range, hidden
_WEIGHTS = (-0.88, 0.20, -0.34, 0.26)
#: mean return per hidden state and daily volatility at signal strength 1
_KAPPA = 0.100
#: volatility of market and of a sector a session, in calm, normal and turbulent regimes
_MARKET, _SECTOR = 0.008, 0.005
_REGIMES = np.array([0.7, 1.0, 1.8])
_REGIME_STAY = 0.98
#: log drift of every stock a session; offsets the gain of rebalancing to equal weights
_DRIFT = -0.0002
#: share of stocks that are listed after their board's first session
_YOUNG = 0.15
#: codes of the artificial stocks: first code, exchange, share of all stocks
_CODES = ((600001, "SH", 0.40), (2001, "SZ", 0.25), (300001, "SZ", 0.22), (688001, "SH", 0.13))


@dataclasses.dataclass(frozen=True)
class Market:
    """The simulated arrays, each (T, N); cells outside a stock's listing are not valid.

    Attributes:
        dates: sessions, (T,).
        symbols: stocks in ascending order, N of them.
        listed: True from a stock's first to its last day.
        fields: raw bars and what belongs to them; a suspended day repeats the last close.
        expected: mean of log open(t+2)/open(t+1) given everything up to t, hidden state included.
        index: open, high, low, close, preclose, volume, amount of the index, each (T,).
    """

    dates: Days
    symbols: tuple[str, ...]
    listed: Flags
    fields: dict[str, Array]
    expected: Array
    index: dict[str, Array]


def generate(config: SimulatedConfig, dates: Days) -> Market:
    """The market over the given sessions; a prefix of the sessions gives a prefix of the bars."""
    stocks = _stocks(config, dates)
    shocks = _shocks(config, stocks, len(dates))
    fields, listed = quote(config, stocks, shocks, dates)
    fields["industry"] = np.broadcast_to(stocks.sector * 1.0, listed.shape)
    return Market(dates, stocks.symbols, listed, fields, shocks["expected"], _index(fields, listed))


def _stocks(config: SimulatedConfig, dates: Days) -> Stocks:
    rng, n = stream(config, "static"), config.n_symbols
    kind = rng.choice(len(_CODES), size=n, p=[share for _, _, share in _CODES])
    symbols = sorted(
        f"{_CODES[k][0] + int((kind[:i] == k).sum()):06d}.{_CODES[k][1]}"
        for i, k in enumerate(kind)
    )
    lively = np.array([1.0 if board(s) == "main" else 1.2 for s in symbols])
    usual = config.annual_volatility / np.sqrt(_SESSIONS_A_YEAR)
    young = rng.random(n) < _YOUNG
    return Stocks(
        symbols=tuple(symbols),
        sector=rng.integers(0, SECTORS, n),
        sigma=usual * lively * np.exp(0.2 * rng.standard_normal(n)),
        beta=rng.uniform(0.7, 1.3, n),
        price=cents(np.exp(rng.normal(np.log(16.0), 0.6, n))),
        turnover=np.exp(rng.normal(np.log(6e7), 0.9, n)),
        first=openings(tuple(symbols), dates) + np.where(young, rng.integers(20, 1000, n), 0),
        state=rng.standard_normal(n),
    )


def _shocks(config: SimulatedConfig, stocks: Stocks, t: int) -> dict[str, Array]:
    """Log returns of night and day, place in the range and volume before prices are quoted."""
    n = config.n_symbols
    mood = _regimes(config, t)[:, None]
    sigma = stocks.sigma * np.sqrt(mood)
    night = stream(config, "night").standard_normal((t, n))
    day = stream(config, "day").standard_t(5, (t, n)) / np.sqrt(5 / 3)
    own_night, own_day = np.sqrt(_OVERNIGHT) * night, np.sqrt(1 - _OVERNIGHT) * day
    own = own_night + own_day
    volume = stream(config, "volume").standard_normal((t, n))
    place = stream(config, "range").standard_normal((t, n))
    hidden = stream(config, "hidden").standard_normal((t, n))
    shock = sum(w * x for w, x in zip(_WEIGHTS, (own, volume, place, hidden), strict=True))
    state = _mean_reverting(shock / np.linalg.norm(_WEIGHTS), stocks.state)
    expected = config.signal_strength * _KAPPA * sigma * state
    common = _common(config, stocks, mood, t)
    return {
        "expected": expected,
        "mood": mood[:, 0],
        "night": common["night"] + sigma * own_night + 0.3 * _delay(expected, 2),
        "day": _DRIFT
        + common["day"]
        + np.sqrt(1 - _OVERNIGHT) * sigma * day
        + 0.7 * _delay(expected, 1),
        "volume": 0.25 * np.abs(own) + 0.45 * volume + 0.4 * (mood - 1.0),
        "place": place,
        "sigma": sigma,
    }


def _common(config: SimulatedConfig, stocks: Stocks, mood: Array, t: int) -> dict[str, Any]:
    """Market and sector returns of each stock for night and day; their means are zero."""
    market = stream(config, "market").standard_normal((t, 2)) * _MARKET * mood
    sector = stream(config, "sector").standard_normal((t, 2, SECTORS)) * _SECTOR * mood[:, :, None]
    both = stocks.beta * market[:, :, None] + sector[:, :, stocks.sector]
    return {
        "night": np.sqrt(_OVERNIGHT) * both[:, 0],
        "day": np.sqrt(1 - _OVERNIGHT) * both[:, 1],
    }


def _regimes(config: SimulatedConfig, t: int) -> Array:
    """Volatility multiple of each session: a Markov chain over calm, normal, turbulent. (T,)."""
    draws = stream(config, "regime").random((t, 2))
    states, state = np.empty(t, dtype=np.int64), 1
    for s in range(t):
        if draws[s, 0] > _REGIME_STAY:
            state = int(draws[s, 1] * len(_REGIMES))
        states[s] = state
    return _REGIMES[states]


def _mean_reverting(shock: Array, start: Array) -> Array:
    """AR(1) with unit variance, driven by unit shocks. (T, N)."""
    out, state, scale = np.empty_like(shock), start, np.sqrt(1 - _RHO**2)
    for s in range(len(shock)):
        state = _RHO * state + scale * shock[s]
        out[s] = state
    return out


def _delay(values: Array, sessions: int) -> Array:
    """Values of some sessions before; zero where there were none."""
    out = np.zeros_like(values)
    out[sessions:] = values[:-sessions] if len(values) > sessions else 0.0
    return out


def _index(fields: dict[str, Array], listed: Flags) -> dict[str, Array]:
    """The index: equal weights, rebalanced every session, starting at 4,000. Each (T,)."""
    count = np.maximum(listed.sum(axis=1), 1)
    moves = {
        name: np.where(listed, fields[name] / np.where(listed, fields["preclose"], 1.0), 0.0)
        .sum(axis=1) / count
        for name in ("open", "high", "low", "close")
    }  # fmt: skip
    level = 4000.0 * np.cumprod(moves["close"])
    before = np.concatenate([[4000.0], level[:-1]])
    out = {name: np.round(before * move, 3) for name, move in moves.items()}
    out["preclose"] = np.round(before, 3)
    out["volume"] = np.where(listed, fields["volume"], 0.0).sum(axis=1)
    out["amount"] = np.where(listed, fields["amount"], 0.0).sum(axis=1)
    return out
