"""What a trade costs on each day: settings and rule book become one rate per day and side."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from tasks.backtest.config import CostConfig
from tasks.errors import UserError
from tasks.market.rules import RuleBook, a_share_rules

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

BASIS_POINT = 1e-4


@dataclasses.dataclass(frozen=True)
class DayCosts:
    """Rates of each day, fractions of the traded value, shape (T,).

    Attributes:
        commission: each side.
        commission_minimum: CNY an order.
        stamp_buy: stamp duty of buyers (zero since 2008-09-19).
        stamp_sell: stamp duty of sellers.
        transfer: transfer fee, each side.
        slippage: fraction of the price, one number.
    """

    commission: Array
    commission_minimum: float
    stamp_buy: Array
    stamp_sell: Array
    transfer: Array
    slippage: float

    @property
    def buy(self) -> Array:
        """All fees of a purchase without the minimum and without slippage."""
        return self.commission + self.stamp_buy + self.transfer

    @property
    def sell(self) -> Array:
        """All fees of a sale without the minimum and without slippage."""
        return self.commission + self.stamp_sell + self.transfer


def day_costs(
    costs: CostConfig, dates: NDArray[np.datetime64], book: RuleBook | None = None
) -> DayCosts:
    """Rates for each date.

    Args:
        costs: the settings.
        dates: sessions, `datetime64[D]`, shape (T,).
        book: rule book for `official_fees="rule_book"`; the A-share market's by default.
    """
    if not isinstance(costs, CostConfig):
        raise UserError(
            f"costs is {str(costs)[:60]!r}: give a CostConfig, such as CostConfig(slippage_bp=5.0)"
        )
    days = len(dates)
    if costs.official_fees == "fixed":
        stamp_buy, stamp_sell = np.zeros(days), np.full(days, costs.stamp_duty)
        transfer = np.full(days, costs.transfer_fee)
    else:
        rules = book or a_share_rules()
        stamp_buy = rules.by_day("stamp_duty_buy", dates)
        stamp_sell = rules.by_day("stamp_duty_sell", dates)
        transfer = rules.by_day("transfer_fee", dates)
    return DayCosts(
        commission=np.full(days, costs.commission_rate),
        commission_minimum=costs.commission_minimum,
        stamp_buy=stamp_buy,
        stamp_sell=stamp_sell,
        transfer=transfer,
        slippage=costs.slippage_bp * BASIS_POINT,
    )
