"""From latent returns of the artificial market to quoted bars: ticks, limits, actions, listings."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from tasks.market.rules import a_share_rules
from tasks.market.symbols import board

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.data.config import SimulatedConfig
    from tasks.market.rule import Status

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Days = NDArray[np.datetime64]

#: Each quantity draws from a stream of its own, so that none shifts another. Append only: the
#: position is part of the seed.
_STREAMS = (
    "static", "regime", "market", "sector", "night", "day", "volume", "range", "hidden", "wicks",
    "noise", "suspend", "special", "delist", "actions",
)  # fmt: skip
_FIELDS = (
    "open", "high", "low", "close", "volume", "amount", "preclose", "factor", "is_st",
    "cash_dividend", "bonus_shares",
)  # fmt: skip
_SESSIONS_A_YEAR = 244
#: sessions a stock must have been listed before dividends and special treatment
_SEASONED = 250
#: closes below CNY 1 in a row that end a listing
_CHEAP_CLOSES = 20
#: sessions from the first of June within which ex-days fall
_EX_SESSIONS = 40


@dataclasses.dataclass(frozen=True)
class Stocks:
    """What a stock keeps for life; arrays (N,).

    Attributes:
        symbols: in ascending order.
        sector: number of the sector, from 0.
        sigma: standard deviation of the own daily log return in the normal regime.
        beta: sensitivity to the market.
        price: CNY before the first bar.
        turnover: typical shares a session at CNY 1.
        first: number of the session of the first bar.
        state: hidden state before the first session.
    """

    symbols: tuple[str, ...]
    sector: NDArray[np.int64]
    sigma: Array
    beta: Array
    price: Array
    turnover: Array
    first: NDArray[np.int64]
    state: Array


def stream(config: SimulatedConfig, name: str, *more: int) -> np.random.Generator:
    """The random stream of one quantity."""
    return np.random.default_rng([config.seed, _STREAMS.index(name), *more])


def quote(
    config: SimulatedConfig, stocks: Stocks, shocks: dict[str, Array], dates: Days
) -> tuple[dict[str, Array], Flags]:
    """Quoted bars and who is listed, each (T, N), session by session.

    Args:
        config: the market's settings.
        stocks: what each stock keeps for life.
        shocks: log returns `night` and `day`, log `volume`, `place` of the close in the range and
            `sigma`, each (T, N).
        dates: the sessions, (T,).
    """
    t, n = len(dates), len(stocks.symbols)
    out = {name: np.zeros((t, n)) for name in _FIELDS}
    listed = np.zeros((t, n), dtype=bool)
    life = _Life(config, stocks.first, t)
    plans = _Plans(config, dates)
    table, which = _limits(stocks.symbols, dates)
    shocks = shocks | {
        "wicks": np.abs(stream(config, "wicks").standard_normal((t, 2, n))),
        "noise": stream(config, "noise").standard_normal((t, n)),
    }
    close, factor = stocks.price, np.ones(n)
    for s in range(t):
        listed[s], trading = life.step(s, close)
        cash, bonus = plans.due(s, close, trading & (life.age > _SEASONED))
        exact = (close - cash) / (1 + bonus)
        factor = factor * (close / exact)
        rate = np.where(life.special, table[0, s, which], table[1, s, which])
        bar = _bar(exact, rate, {name: values[s] for name, values in shocks.items()})
        size = _shares(bar, stocks, factor, shocks, s)
        bar |= {"volume": size, "amount": size * _average(bar)}
        for name, value in bar.items():
            still = 0.0 if name in ("volume", "amount") else close
            out[name][s] = np.where(trading, value, still)
        also = {"factor": factor, "is_st": life.special, "cash_dividend": cash,
                "bonus_shares": bonus}  # fmt: skip
        for name, value in also.items():
            out[name][s] = value
        close = out["close"][s]
    return out, listed


def cents(price: Array) -> Array:
    """Half up to CNY 0.01, at least one tick."""
    return np.maximum(np.floor(price * 100 + 0.5), 1.0) / 100


def _bar(exact: Array, rate: Array, shocks: dict[str, Array]) -> dict[str, Array]:
    """Reference price and OHLC of one session, inside the limits. Each (N,)."""
    reference = cents(exact)
    # The nudge keeps exact half cents, such as 1.1 x 0.05, from falling below the half.
    top, bottom = cents(reference * (1 + rate) + 1e-9), cents(reference * (1 - rate) + 1e-9)
    first = np.clip(cents(exact * np.exp(shocks["night"])), bottom, top)
    last = np.clip(cents(first * np.exp(shocks["day"])), bottom, top)
    reach = 0.5 * shocks["sigma"] * shocks["wicks"]
    lean = np.exp(0.7 * shocks["place"])
    high = cents(np.maximum(first, last) * np.exp(reach[0] / lean))
    low = cents(np.minimum(first, last) * np.exp(-reach[1] * lean))
    return {
        "open": first,
        "high": np.minimum(high, top),
        "low": np.maximum(low, bottom),
        "close": last,
        "preclose": reference,
    }


def _shares(
    bar: dict[str, Array], stocks: Stocks, factor: Array, shocks: dict[str, Array], s: int
) -> Array:
    """Shares traded in whole lots; little where the price is locked at its limit. (N,)."""
    locked = (bar["high"] == bar["low"]) & (np.abs(bar["high"] / bar["preclose"] - 1) > 0.04)
    usual = stocks.turnover / stocks.price * factor * np.where(locked, 0.2, 1.0)
    wanted = usual * np.exp(shocks["volume"][s] + 0.25 * shocks["noise"][s])
    lots: Array = np.maximum(np.floor(wanted / 100), 1.0)
    return lots * 100


def _average(bar: dict[str, Array]) -> Array:
    return (bar["open"] + bar["high"] + bar["low"] + bar["close"]) / 4


def _limits(symbols: tuple[str, ...], dates: Days) -> tuple[Array, NDArray[np.int64]]:
    """Limits in the order ST, normal, of each session and board (2, T, B); each stock's board."""
    book, boards = a_share_rules(), [board(s) for s in symbols]
    kinds = sorted(set(boards))
    statuses: tuple[Status, ...] = ("st", "normal")
    table = np.empty((2, len(dates), len(kinds)))
    for b, kind in enumerate(kinds):
        example, closed = symbols[boards.index(kind)], _opening(kind, dates)
        table[:, :closed, b] = 0.0
        for k, status in enumerate(statuses):
            days = (str(d) for d in dates[closed:])
            table[k, closed:, b] = [book.value("price_limit", example, d, status) for d in days]
    return table, np.array([kinds.index(b) for b in boards])


def openings(symbols: tuple[str, ...], dates: Days) -> NDArray[np.int64]:
    """Number of the first session on which each stock's board was open, (N,)."""
    boards = [board(s) for s in symbols]
    known = {kind: _opening(kind, dates) for kind in set(boards)}
    return np.array([known[kind] for kind in boards], dtype=np.int64)


def _opening(kind: str, dates: Days) -> int:
    """Number of a board's first session; the main board is as old as the market."""
    if kind == "main":
        return 0
    rows = a_share_rules().rows
    first = min(r.start for r in rows if r.topic == "price_limit" and kind in r.boards)
    return int(np.searchsorted(dates, np.datetime64(first)))


class _Life:
    """Who is listed, suspended and under special treatment, session by session."""

    def __init__(self, config: SimulatedConfig, first: NDArray[np.int64], t: int) -> None:
        n = len(first)
        self._config, self._first = config, first
        self._draws = {
            name: stream(config, name).random((t, n)) for name in ("suspend", "special", "delist")
        }
        self._suspended = np.zeros(n, dtype=bool)
        self._gone = np.zeros(n, dtype=bool)
        self._cheap = np.zeros(n)
        self.special = np.zeros(n, dtype=bool)
        self.age = np.where(first == 0, 1000, 0)

    def step(self, s: int, close: Array) -> tuple[Flags, Flags]:
        """Listed and trading stocks of session `s`, given the last closes; each (N,)."""
        draws = {name: values[s] for name, values in self._draws.items()}
        there = (self._first <= s) & ~self._gone
        self._cheap = np.where(there & (close < 1.0), self._cheap + 1, 0.0)
        chance = self._config.delisting_rate / _SESSIONS_A_YEAR
        leaves = (draws["delist"] < chance) | (self._cheap > _CHEAP_CLOSES)
        self._gone |= there & (self.age > 0) & leaves
        alive = there & ~self._gone
        begins = (draws["suspend"] < self._config.suspension_rate) & (self.age > 10)
        self._suspended = np.where(self._suspended, draws["suspend"] >= 0.2, begins)
        cured = draws["special"] < 1 / _SESSIONS_A_YEAR
        falls = draws["special"] < self._config.st_rate / _SESSIONS_A_YEAR
        self.special = np.where(self.special, ~cured, falls & (self.age > _SEASONED))
        self.age = self.age + alive
        return alive, alive & ~self._suspended


class _Plans:
    """Dividends in cash and bonus shares: once a year, on a session of June or July."""

    def __init__(self, config: SimulatedConfig, dates: Days) -> None:
        self._config = config
        self._years = dates.astype("datetime64[Y]")
        june = (self._years.astype("datetime64[M]") + np.timedelta64(5, "M")).astype(dates.dtype)
        self._session = np.arange(len(dates)) - np.searchsorted(dates, june)
        self._plan: dict[int, dict[str, Array]] = {}

    def due(self, s: int, close: Array, able: Flags) -> tuple[Array, Array]:
        """Cash a share in CNY and new shares a share that fall due in session `s`; each (N,)."""
        if not 0 <= self._session[s] < _EX_SESSIONS:
            return np.zeros_like(close), np.zeros_like(close)
        year = int(self._years[s].astype(np.int64)) + 1970
        if year not in self._plan:
            self._plan[year] = self._draw(year, len(close))
        plan = self._plan[year]
        today = able & (plan["session"] == self._session[s])
        cash = np.floor(close * plan["yield"] * 100) / 100
        return np.where(today, cash, 0.0), np.where(today, plan["bonus"], 0.0)

    def _draw(self, year: int, n: int) -> dict[str, Array]:
        rng = stream(self._config, "actions", year)
        ratio = rng.choice([0.2, 0.3, 0.4, 0.5, 1.0], size=n)
        return {
            "session": rng.integers(0, _EX_SESSIONS, n).astype(np.float64),
            "yield": np.where(rng.random(n) < 0.7, rng.uniform(0.003, 0.045, n), 0.0),
            "bonus": np.where(rng.random(n) < 0.08, ratio, 0.0),
        }
