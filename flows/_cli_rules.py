"""`qilin rules`: what held for a symbol on a day and why, and what changed between two days."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from cyclopts import Parameter

from tasks.errors import UserError
from tasks.market.rule import TOPICS, Rule, Status
from tasks.market.rules import MARKETS, Change, RuleBook, rule_book
from tasks.market.symbols import normalise


def rules(
    symbol: Annotated[str, Parameter(help="Such as 600519.SH; AAPL with --market us_equity.")] = "",
    *,
    on: Annotated[str, Parameter(help="Day, such as 2026-07-06. Default: today.")] = "",
    diff: Annotated[
        tuple[str, str] | None, Parameter(help="Two days: what differs between them.")
    ] = None,
    status: Annotated[
        Status, Parameter(help="State of the stock: normal, st, delisting or relisting.")
    ] = "normal",
    market: Annotated[str, Parameter(help=f"Market: {', '.join(MARKETS)}.")] = "a_share",
) -> int:
    """Print the trading rules of a symbol on a day with their sources, or what changed."""
    book = rule_book(market)
    if diff is not None:
        first, second = (_day(text) for text in diff)
        print("\n".join(changed(book, first, second, normalise(symbol) if symbol else "")))
        return 0
    if not symbol:
        raise UserError(
            "no symbol was given: write qilin rules 600519.SH --on 2026-07-06, or "
            "qilin rules --diff 2026-07-03 2026-07-06"
        )
    print("\n".join(held(book, normalise(symbol), _day(on or str(dt.date.today())), status)))  # noqa: DTZ011 - the user's own day
    return 0


def held(book: RuleBook, symbol: str, day: str, status: Status) -> list[str]:
    """One line per rule that held: what, how much, since when, and its source."""
    found = book.in_force(symbol, day, status)
    board, exchange = book.place(symbol)
    title = f"{symbol}  {board} board{f', {exchange}' if exchange else ''}, {status}, {day}"
    lines = [f"{title}  ({book.title})"]
    lines += [_line(rule, book.currency, _span(rule)) for rule in found]
    if not any(rule.topic == "price_limit" for rule in found):
        lines.append(f"{'price limit':<26}{'none':>12}")
    return lines


def changed(book: RuleBook, first: str, second: str, symbol: str) -> list[str]:
    """One line per rule that differs between two days; of one symbol's board, or of all."""
    board, exchange = book.place(symbol) if symbol else ("", "")
    changes = [c for c in book.diff(first, second) if not symbol or _concerns(c, board, exchange)]
    title = f"{symbol or book.title}: {first} to {second}"
    if not changes:
        return [f"{title}: nothing changed"]
    return [title, *(line for c in changes for line in _both(c, book.currency))]


def _both(change: Change, currency: str) -> list[str]:
    """What held before and what holds after, each with its scope and source."""
    lines = []
    for rule, sign in ((change.before, "-"), (change.after, "+")):
        if rule is not None:
            scope = f"{'/'.join(rule.boards)} {rule.exchange or ''} {rule.status}".replace(
                "  ", " "
            )
            lines.append(f"{sign} {_line(rule, currency, f'{scope}, {_span(rule)}')}")
    return lines


def _concerns(change: Change, board: str, exchange: str) -> bool:
    rule = change.after or change.before
    return rule is not None and board in rule.boards and rule.exchange in ("", exchange)


def _line(rule: Rule, currency: str, middle: str) -> str:
    name, unit = TOPICS[rule.topic]
    amount = {
        "fraction": f"{rule.value * 100:.6g} %",
        "money": f"{rule.value:g} {currency}",
    }.get(unit, f"{rule.value:g} {unit if rule.value != 1 else unit.removesuffix('s')}")
    return f"{name:<26}{amount:>12}  {middle:<26}  {rule.source}"


def _span(rule: Rule) -> str:
    return f"{rule.start} to {rule.end}" if rule.end else f"since {rule.start}"


def _day(text: str) -> str:
    try:
        return dt.date.fromisoformat(text).isoformat()
    except ValueError:
        raise UserError(f"{text!r} is no day: write it as 2026-07-06") from None
