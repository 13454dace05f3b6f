"""The rule book of a market: which trading rules were in force for a symbol on a day.

Each market is one file of dated rows, named in `MARKETS`; nothing here knows a date. A day before
the first row of a topic is an error, never a guess; a topic without any row is a rule that the
market does not have.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np

from tasks.errors import UserError
from tasks.market import rules_a_share, rules_us
from tasks.market.rule import LISTING, TOPICS, Rule, Status, Topic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Days = NDArray[np.datetime64]
    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]

#: name of a market -> the module with its `ROWS`, `place`, `NAME`, `TITLE` and `CURRENCY`
MARKETS = {market.NAME: market for market in (rules_a_share, rules_us)}


@dataclasses.dataclass(frozen=True)
class DayRules:
    """What held for one symbol on one day; fractions, shares, money; None: no such rule.

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
        commission_minimum: smallest commission of an order, money.
    """

    board: str
    price_limit: float | None
    lot_minimum: float
    lot_step: float
    settlement_days: float
    stamp_duty_buy: float
    stamp_duty_sell: float
    transfer_fee: float
    commission_cap: float | None
    commission_minimum: float | None


@dataclasses.dataclass(frozen=True)
class Change:
    """A rule that differs between two days; None where no rule was in force."""

    before: Rule | None
    after: Rule | None


@dataclasses.dataclass(frozen=True)
class RuleBook:
    """Dated rules of one market; the A-share market's own by default.

    Attributes:
        rows: the rules, in any order. Rows of one topic, board, exchange and status must not
            overlap in time.
        place: symbol to its board and exchange, in the names that the rows use.
        name: of the market, as in `MARKETS`.
        title: of the market, for people.
        currency: of its money.
    """

    rows: tuple[Rule, ...] = rules_a_share.ROWS
    place: Callable[[str], tuple[str, str]] = rules_a_share.place
    name: str = rules_a_share.NAME
    title: str = rules_a_share.TITLE
    currency: str = rules_a_share.CURRENCY

    @functools.cached_property
    def boards(self) -> tuple[str, ...]:
        """The boards that have rules; every other one is not traded."""
        return tuple(dict.fromkeys(b for rule in self.rows for b in rule.boards))

    def find(self, topic: Topic, on: str, place: str, status: Status, day: str) -> Rule | None:
        """The row in force, or None."""
        for rule in self.rows:
            fits = rule.topic == topic and on in rule.boards and rule.status == status
            if fits and rule.exchange in ("", place) and _in_force(rule, day):
                return rule
        return None

    def ruling(self, topic: Topic, on: str, place: str, status: Status, day: str) -> Rule | None:
        """The row that rules a status: its own or, where it has none that day, the normal one.

        What is special about a new listing is nothing to a stock that leaves or comes back.
        """
        found = self.find(topic, on, place, status, day)
        leaves = status in ("delisting", "relisting")
        if found is not None or (leaves and topic in LISTING):
            return found
        return self.find(topic, on, place, "normal", day)

    def value(self, topic: Topic, symbol: str, day: str, status: Status = "normal") -> float:
        """The value in force for a symbol on a day; see `ruling`.

        Raises:
            UserError: no row covers the symbol's board on that day.
        """
        on, where = self.place(symbol)
        rule = self.ruling(topic, on, where, status, day)
        if rule is None:
            raise UserError(
                f"the rule book has no {topic} for {symbol} ({on}, {status}) on {day}: "
                "choose a later day, or add a dated row with its source"
            )
        return rule.value

    def in_force(self, symbol: str, day: str, status: Status = "normal") -> tuple[Rule, ...]:
        """Every row that held for a symbol on a day, in the order of the topics; see `ruling`.

        Raises:
            UserError: the symbol belongs to none of the market's boards, or no row held that day.
        """
        on, where = self.place(symbol)
        if on not in self.boards:
            raise UserError(
                f"{symbol} ({on}) is not traded under the rules of {self.title}: choose a symbol "
                f"of the boards {', '.join(self.boards)}, or another market"
            )
        found = [self.ruling(topic, on, where, status, day) for topic in TOPICS]
        rules = tuple(rule for rule in found if rule is not None)
        if not rules:
            raise UserError(
                f"the rule book has no row for {symbol} ({on}) on {day}: choose a later day"
            )
        return rules

    def rules_on(self, symbol: str, day: str, *, special: bool = False) -> DayRules:
        """Everything that held for a symbol on a day.

        Args:
            symbol: such as `600519.SH`.
            day: ISO date.
            special: whether the stock was under special treatment (ST, *ST).
        """
        status: Status = "st" if special else "normal"
        return DayRules(
            board=self.place(symbol)[0],
            price_limit=self._value_if_ruled("price_limit", symbol, day, status),
            lot_minimum=self.value("lot_minimum", symbol, day),
            lot_step=self.value("lot_step", symbol, day),
            settlement_days=self.value("settlement_days", symbol, day),
            stamp_duty_buy=self.value("stamp_duty_buy", symbol, day),
            stamp_duty_sell=self.value("stamp_duty_sell", symbol, day),
            transfer_fee=self.value("transfer_fee", symbol, day),
            commission_cap=self._value_if_ruled("commission_cap", symbol, day),
            commission_minimum=self._value_if_ruled("commission_minimum", symbol, day),
        )

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

    def by_day(self, topic: Topic, dates: Days, on: str = "", place: str = "") -> Array:
        """A market-wide value for each day, shape (T,).

        Args:
            topic: what is asked for.
            dates: (T,).
            on: board; the market's first one by default.
            place: exchange, where the rule differs among them.

        Raises:
            UserError: no row covers one of the days.
        """
        board, days = on or self.boards[0], np.asarray(dates, dtype="datetime64[D]")
        out = np.full(len(days), np.nan)
        for rule in self._rows(topic, board):
            if rule.exchange in ("", place):
                out[inside(rule, days)] = rule.value
        unruled = np.isnan(out)
        if unruled.any():
            raise UserError(
                f"the rule book of {self.title} has no {topic} for {board} on "
                f"{days[unruled][0]}: choose other days, add a dated row with its source, or set "
                "official_fees to 'fixed' where it is a fee"
            )
        return out

    def lots(self, symbols: Iterable[str], day: str) -> tuple[Array, Array]:
        """Smallest buy and step for each symbol, shares, (N,); 1 off the market's boards.

        A board that opens after the day, on which nothing can trade yet, has its first ones.
        """
        known = {}
        for on in self.boards:
            for topic in _LOTS:
                begin = min((rule.start for rule in self._rows(topic, on)), default=day)
                days = np.array([max(day, begin)], dtype="datetime64[D]")
                known[on, topic] = float(self.by_day(topic, days, on)[0])
        boards = [self.place(symbol)[0] for symbol in symbols]
        minimum, step = ([known.get((on, topic), 1.0) for on in boards] for topic in _LOTS)
        return np.array(minimum, dtype=float), np.array(step, dtype=float)

    def _rows(self, topic: Topic, board: str) -> list[Rule]:
        """Rows of a topic for the ordinary stocks of a board."""
        return [
            rule
            for rule in self.rows
            if rule.topic == topic and board in rule.boards and rule.status == "normal"
        ]

    def _value_if_ruled(
        self, topic: Topic, symbol: str, day: str, status: Status = "normal"
    ) -> float | None:
        """None for a topic that the market does not rule at all."""
        if not any(rule.topic == topic for rule in self.rows):
            return None
        return self.value(topic, symbol, day, status)


_LOTS: tuple[Topic, Topic] = ("lot_minimum", "lot_step")


@functools.cache
def rule_book(market: str = "a_share") -> RuleBook:
    """The rule book of a market named in `MARKETS`."""
    if market not in MARKETS:
        raise UserError(f"market {market!r} is unknown: choose one of {', '.join(MARKETS)}")
    found = MARKETS[market]
    return RuleBook(found.ROWS, found.place, found.NAME, found.TITLE, found.CURRENCY)


def a_share_rules() -> RuleBook:
    """The rule book of the A-share market."""
    return rule_book("a_share")


def inside(rule: Rule, dates: Days) -> Flags:
    """Days on which a rule was in force, (T,)."""
    since = np.asarray(dates >= np.datetime64(rule.start))
    return since & (dates <= np.datetime64(rule.end)) if rule.end else since


def _in_force(rule: Rule, day: str) -> bool:
    return rule.start <= day and (not rule.end or day <= rule.end)


def _scope(rule: Rule) -> tuple[str, tuple[str, ...], str, str]:
    return rule.topic, rule.boards, rule.exchange, rule.status


def _worth(rule: Rule | None) -> float | None:
    return None if rule is None else rule.value
