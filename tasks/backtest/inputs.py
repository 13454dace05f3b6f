"""What a portfolio cannot be simulated from: each refused with one sentence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.backtest.kernels.bounds import POSITIVE, first_outside
from tasks.errors import UserError
from tasks.market.rules import RuleBook
from tasks.market.rules_limits import ACTION_FIELDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.backtest.config import PortfolioFill
    from tasks.backtest.kernels.holdings import Market
    from tasks.data.panel import Panel

    Array = NDArray[np.float64]

#: field of actions -> the lowest value it can have, and what to give
_TERMS = {
    "factor": (POSITIVE, "a positive factor"),
    "cash_dividend": (0.0, "CNY a share, 0 for none"),
    "bonus_shares": (math.nextafter(-1.0, 0.0), "new shares for each one held, above -1"),
    "rights_shares": (0.0, "shares offered for each one held, 0 for none"),
    "rights_price": (0.0, "CNY for one share"),
    "delisting_payout": (0.0, "CNY a share on the day a listing ends"),
}


def number(name: str, value: Any, low: float, high: float, meaning: str) -> float:
    """A number between two bounds, both included, or the user's mistake.

    Args:
        name: of the parameter.
        value: as given.
        low: smallest number.
        high: largest number.
        meaning: what to give instead, for the message.
    """
    real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not real or not low <= value <= high:
        raise UserError(f"{name} is {value!r}: give {meaning}")
    return float(value)


def money(name: str, value: Any) -> float:
    """A starting capital, CNY, or the user's mistake."""
    return number(name, value, POSITIVE, 1e300, "a positive amount of CNY")


def check_settings(
    panel: Panel, rules: Any, cash: Any, volume_cap: Any, max_weight: Any
) -> None:  # fmt: skip
    """Refuse settings that cannot be meant, alone or on this panel."""
    if not isinstance(rules, RuleBook | None):
        raise UserError(
            f"rules is {rules!r}: give a rule book, such as tasks.market.rules.a_share_rules(), or "
            "None for no rules"
        )
    money("the starting cash", cash)
    number("max_weight", max_weight, POSITIVE, 1.0, "a fraction above 0, at most 1")
    number("volume_cap", volume_cap, 0.0, 1.0, "a fraction between 0 (no cap) and 1")
    if 0 in panel.shape:
        raise UserError(
            f"the panel of source {panel.source!r} has {len(panel.dates)} dates and "
            f"{len(panel.symbols)} symbols: give at least one of each"
        )
    if rules is not None and panel.adjustment == "adjusted":
        raise UserError(
            f"the prices of source {panel.source!r} are adjusted, and limits and lots hold for raw "
            "ones: give the raw panel, or no rules"
        )
    if volume_cap > 0.0 and "volume" not in panel:
        raise UserError(
            f"volume_cap is {volume_cap:g}, but the panel of source {panel.source!r} has no "
            "volume: add the field, or set volume_cap to 0"
        )


def check_terms(panel: Panel) -> None:
    """Name the first term of a corporate action that is none, such as an infinite dividend.

    Terms that are not booked, as adjusted prices contain them, are not looked at.
    """
    named = [*ACTION_FIELDS, "factor"] if panel.adjustment != "adjusted" else []
    for name in [*named, "delisting_payout"]:
        if name in panel:
            lowest, meaning = _TERMS[name]
            _refuse(panel, name, panel[name], lowest, f"{meaning}, NaN where it is not known")


def refuse_prices(panel: Panel, fill: PortfolioFill, market: Market) -> None:
    """Name the first price that is none."""
    hint = "positive prices, NaN where nothing traded"
    for name, values in (("close", market.close), (fill.removeprefix("next_"), market.fill)):
        _refuse(panel, f"{name} price", values, POSITIVE, hint)


def refuse_strangers(panel: Panel, targets: Array, rules: RuleBook | None) -> None:
    """Name the first symbol that is to be bought and cannot be: an index, or no stock of the book.

    Args:
        panel: the bars.
        targets: rows that set targets, (K, N).
        rules: the rule book, or none.
    """
    for column, symbol in enumerate(panel.symbols):
        index = symbol in panel.benchmarks
        foreign = rules is not None and rules.place(symbol)[0] not in rules.boards
        if (index or foreign) and (targets[:, column] > 0.0).any():
            what = "is an index and cannot be bought"
            if not index and rules is not None:
                board = rules.place(symbol)[0]
                what = f"({board}) is not traded under the rules of {rules.title}"
                what += " and cannot be bought"
            raise UserError(f"{symbol} {what}: set its targets to 0")


def _refuse(panel: Panel, name: str, values: Array, lowest: float, meaning: str) -> None:
    place = first_outside(np.ascontiguousarray(values, dtype=float).reshape(-1), lowest)
    if place >= 0:
        row, column = divmod(place, len(panel.symbols))
        raise UserError(
            f"the {name} of {panel.symbols[column]} on {panel.dates[row]} is "
            f"{values[row, column]:g}: give {meaning}"
        )
