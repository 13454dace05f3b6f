"""The rule book: which trading rules were in force for a symbol on a day.

The rows stand in `rules_rows`; nothing here knows a date. A day before the first row of a topic is
an error, never a guess.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from tasks.errors import UserError
from tasks.market.rules_rows import ROWS, Rule, Status, Topic
from tasks.market.symbols import Board, board, exchange

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Days = NDArray[np.datetime64]
    Array = NDArray[np.float64]

#: the boards that have rules; every other one is not traded
TRADED_BOARDS: tuple[Board, ...] = ("main", "chinext", "star", "bse")


@dataclasses.dataclass(frozen=True)
class DayRules:
    """What held for one symbol on one day; fractions, shares, CNY.

    Attributes:
        board: the symbol's board.
        price_limit: largest move from the reference price, up and down.
        lot_minimum: smallest buy, shares.
        lot_step: buys are the minimum plus a multiple of this, shares.
        settlement_days: sessions before bought shares can be sold.
        stamp_duty_buy: fraction of the bought value.
        stamp_duty_sell: fraction of the sold value.
        transfer_fee: fraction of the traded value, both sides.
        commission_cap: highest commission, fraction of the traded value.
        commission_minimum: smallest commission of an order, CNY.
    """

    board: Board
    price_limit: float
    lot_minimum: float
    lot_step: float
    settlement_days: float
    stamp_duty_buy: float
    stamp_duty_sell: float
    transfer_fee: float
    commission_cap: float
    commission_minimum: float


@dataclasses.dataclass(frozen=True)
class Change:
    """A rule that differs between two days; None where no rule was in force."""

    before: Rule | None
    after: Rule | None


@dataclasses.dataclass(frozen=True)
class RuleBook:
    """Dated rules; the A-share market's own by default.

    Attributes:
        rows: the rules, in any order. Rows of one topic, board, exchange and status must not
            overlap in time.
    """

    rows: tuple[Rule, ...] = ROWS

    def find(self, topic: Topic, on: Board, place: str, status: Status, day: str) -> Rule | None:
        """The row in force, or None."""
        for rule in self.rows:
            fits = rule.topic == topic and on in rule.boards and rule.status == status
            if fits and rule.exchange in ("", place) and _in_force(rule, day):
                return rule
        return None

    def value(self, topic: Topic, symbol: str, day: str, status: Status = "normal") -> float:
        """The value in force for a symbol on a day.

        Raises:
            UserError: no row covers the symbol's board on that day.
        """
        rule = self.find(topic, board(symbol), exchange(symbol), status, day)
        if rule is None:
            raise UserError(
                f"the rule book has no {topic} for {symbol} ({board(symbol)}, {status}) on {day}: "
                "choose a later day, or add a dated row with its source"
            )
        return rule.value

    def rules_on(self, symbol: str, day: str, *, special: bool = False) -> DayRules:
        """Everything that held for a symbol on a day.

        Args:
            symbol: such as `600519.SH`.
            day: ISO date.
            special: whether the stock was under special treatment (ST, *ST).
        """
        limit = self.value("price_limit", symbol, day, "st" if special else "normal")
        topics: tuple[Topic, ...] = (
            "lot_minimum",
            "lot_step",
            "settlement_days",
            "stamp_duty_buy",
            "stamp_duty_sell",
            "transfer_fee",
            "commission_cap",
            "commission_minimum",
        )
        return DayRules(board(symbol), limit, *(self.value(t, symbol, day) for t in topics))

    def diff(self, first: str, second: str) -> list[Change]:
        """Rules that differ between two days, in the order of the rows."""
        then = {_scope(r): r for r in self.rows if _in_force(r, first)}
        now = {_scope(r): r for r in self.rows if _in_force(r, second)}
        scopes = dict.fromkeys(_scope(r) for r in self.rows)
        return [
            Change(then.get(s), now.get(s))
            for s in scopes
            if _worth(then.get(s)) != _worth(now.get(s))
        ]

    def by_day(self, topic: Topic, dates: Days, on: Board = "main", place: str = "") -> Array:
        """A market-wide value for each day, shape (T,); the first row's before it starts."""
        rows = sorted(r for r in self.rows if r.topic == topic and on in r.boards)
        rows = [r for r in rows if r.exchange in ("", place)]
        if not rows:
            raise UserError(f"the rule book has no {topic} for {on}: add a dated row")
        out = np.full(len(dates), rows[0].value)
        for rule in rows:
            out[dates >= np.datetime64(rule.start)] = rule.value
        return out

    def lots(self, symbols: Iterable[str], day: str) -> tuple[Array, Array]:
        """Smallest buy and step in shares for each symbol, shape (N,); 1 off the A-share boards."""
        minimum, step = [], []
        for symbol in symbols:
            traded = board(symbol) in TRADED_BOARDS
            minimum.append(self._or_first("lot_minimum", symbol, day) if traded else 1.0)
            step.append(self._or_first("lot_step", symbol, day) if traded else 1.0)
        return np.array(minimum, dtype=float), np.array(step, dtype=float)

    def _or_first(self, topic: Topic, symbol: str, day: str) -> float:
        days = np.array([day], dtype="datetime64[D]")
        return float(self.by_day(topic, days, board(symbol), exchange(symbol))[0])


@functools.cache
def a_share_rules() -> RuleBook:
    """The rule book of the A-share market."""
    return RuleBook()


def _in_force(rule: Rule, day: str) -> bool:
    return rule.start <= day and (not rule.end or day <= rule.end)


def _scope(rule: Rule) -> tuple[str, tuple[str, ...], str, str]:
    return rule.topic, rule.boards, rule.exchange, rule.status


def _worth(rule: Rule | None) -> float | None:
    return None if rule is None else rule.value
