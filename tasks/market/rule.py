"""What a rule is: one dated row of a market's rule book, with its source.

Values are fractions (0.1 is 10 %), shares or money, as the topic says. `end` is the last day in
force, empty while the rule stands.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Topic = Literal[
    "price_limit",
    "free_sessions",
    "first_day_up",
    "first_day_down",
    "tick",
    "lot_minimum",
    "lot_step",
    "settlement_days",
    "stamp_duty_buy",
    "stamp_duty_sell",
    "transfer_fee",
    "commission_cap",
    "commission_minimum",
]
#: `normal`, `st` (special treatment), `delisting` (the delisting period) or `relisting` (the first
#: sessions after a suspended listing resumes)
Status = Literal["normal", "st", "delisting", "relisting"]

#: what is special about a new listing
LISTING: tuple[Topic, ...] = ("free_sessions", "first_day_up", "first_day_down")

#: each topic in words, with the unit of its value
TOPICS: dict[Topic, tuple[str, str]] = {
    "price_limit": ("price limit", "fraction"),
    "free_sessions": ("new, without a limit", "sessions"),
    "first_day_up": ("first day, highest rise", "fraction"),
    "first_day_down": ("first day, deepest fall", "fraction"),
    "tick": ("price step", "money"),
    "lot_minimum": ("smallest buy", "shares"),
    "lot_step": ("step of a buy", "shares"),
    "settlement_days": ("sessions before a sale", "sessions"),
    "stamp_duty_buy": ("duty of the buyer", "fraction"),
    "stamp_duty_sell": ("duty of the seller", "fraction"),
    "transfer_fee": ("transfer fee, each side", "fraction"),
    "commission_cap": ("highest commission", "fraction"),
    "commission_minimum": ("smallest commission", "money"),
}


class Rule(NamedTuple):
    """One row of a rule book.

    Attributes:
        topic: what is ruled. `price_limit`: largest move from the reference price; `free_sessions`:
            sessions from the listing on without a limit; `first_day_up`, `first_day_down`: limits
            of the first day against the issue price; `lot_minimum`, `lot_step`: shares of a buy;
            `stamp_duty_*` (every public levy on one side), `transfer_fee`, `commission_cap`:
            fractions of the traded value; `commission_minimum`: money an order;
            `settlement_days`: sessions before a sale; `tick`: smallest price step.
        boards: boards it holds for, in the market's own names.
        exchange: such as `SH`, `SZ`, `BJ`, or empty for all.
        status: status of the stock it holds for.
        start: first day in force, ISO date. For the listing topics: the day of the listing.
        end: last day in force, ISO date; empty while the rule stands.
        value: fraction, sessions, shares or money.
        source: where the rule is written.
    """

    topic: Topic
    boards: tuple[str, ...]
    exchange: str
    status: Status
    start: str
    end: str
    value: float
    source: str
