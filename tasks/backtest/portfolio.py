"""One portfolio of many stocks: targets in, books that balance out.

Targets of row t are known after its close and filled on row t + 1. Fills use raw prices.

Corporate actions are booked on the ex-day, before the day's orders. Where the panel has their own
terms (`cash_dividend`, `bonus_shares`, `rights_shares`, `rights_price`), dividends come as cash
before personal tax, bonus shares and splits as shares, and rights are taken up as far as the cash
goes, or lapse; they lapse too where nobody knows their price. Where it only has a `factor`, its
growth comes as shares, as if every dividend were reinvested at the ex-right price. Fractions of
shares are kept and leave with the whole position.

A suspended stock is marked at its last close, made ex-right. A listing ends with the payout of
`delisting_payout` (CNY a share, NaN on every other day); after 250 sessions without a price a
position is booked to cash at its last close.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tasks.arrays import recycling
from tasks.backtest.config import CostConfig, PortfolioFill, one_of
from tasks.backtest.costs import day_costs
from tasks.backtest.inputs import check_settings, check_terms, refuse_prices
from tasks.backtest.journal import Result
from tasks.backtest.kernels import books, holdings, orders
from tasks.backtest.targets import (
    TargetKind,
    aligned,
    deciding_rows,
    rounding,
    signal_weights,
)
from tasks.errors import UserError
from tasks.market.rules import RuleBook
from tasks.market.rules_limits import action_terms, field_or_none, limits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.data.panel import Panel

    Array = NDArray[np.float64]

Rights = Literal["subscribe", "lapse"]
#: half a tick: an average price is not exact to the cent
_TOUCH_OF_AVERAGE = 0.005
_NONE = np.empty((0, 0))
#: trades and refusals for which there is room before it grows
_SLIPS = 2**16


def simulate(
    panel: Panel,
    targets: Any,
    rules: RuleBook | None = None,
    costs: CostConfig | None = None,
    cash: float = 1_000_000.0,
    fill: PortfolioFill = "next_open",
    *,
    kind: TargetKind = "weights",
    max_weight: float = 1.0,
    volume_cap: float = 0.0,
    retry: bool | None = None,
    rights: Rights = "subscribe",
    listed_on: Mapping[str, str] | None = None,
) -> Result:
    """Trade towards targets.

    Sales are filled before purchases; purchases that exceed the cash are all scaled alike. With
    `rules`: whole lots (an odd lot leaves in one order, alone or with others), no purchase at the
    upper and no sale at the lower limit, money to the cent. Without: any fraction of a share, no
    limits. In both: nothing trades on a day without a price, every trade is charged, nothing bought
    on a day can be sold on it, and every order that is cut or refused says why.

    What a suspension, a limit or the volume leaves unfilled waits for the next row that sets
    targets. With `retry` it is tried again on every day until then, towards the same targets, and
    so are purchases that lack the cash of a sale that waits; no other stock trades on such a day.

    Args:
        panel: bars. Raw with `factor` or the actions' terms, or prices without corporate actions;
            with rules, never adjusted ones. Needs `close`, and what the fill needs.
        targets: (T, N), known after the close of each row: an array, or a DataFrame labelled by
            the panel's dates and symbols. A row of NaN sets no target: shares are kept.
        rules: the rule book, or none.
        costs: the settings' defaults if not given.
        cash: at the start, CNY.
        fill: `next_open`, `next_close` or `next_vwap` (`vwap`, else `amount` / `volume`).
        kind: what targets are: `weights`, fractions of the equity of at most one in sum, the rest
            stays cash; `shares` to hold; `signals`, held in equal parts where above zero and traded
            when their set changes.
        max_weight: largest weight that is accepted.
        volume_cap: largest order as a fraction of the volume of the bar that fills it; 0: no cap.
        retry: whether orders that were refused or cut are tried again on the days that follow;
            None: with signals, as those set targets only when their set changes.
        rights: whether offered shares are taken up as far as the cash goes, or lapse.
        listed_on: symbol to the ISO date of its listing, see `limits`.

    Raises:
        UserError: what cannot be meant of settings, targets, prices or the terms of actions; a
            target of what cannot be bought, such as a fund under the rules of A shares; rules on
            adjusted prices; no field for the fill or the cap.
    """
    one_of("fill", fill, PortfolioFill)
    one_of("kind", kind, TargetKind)
    one_of("rights", rights, Rights)
    check_settings(panel, rules, cash, volume_cap, max_weight)
    check_terms(panel)
    wanted = aligned(panel, targets)
    if kind == "signals":
        wanted = signal_weights(wanted)
    decides = deciding_rows(panel, wanted, kind, max_weight, rules, rounding(targets))
    market = _market(panel, fill, rules, volume_cap, listed_on)
    waits = kind == "signals" if retry is None else retry
    terms = _terms(panel, rules, costs or CostConfig(), volume_cap, fill, kind, rights, waits)
    positions = recycling.empty(panel.shape, np.float64)
    most = min(int(decides.sum()) * len(panel.symbols), _SLIPS)
    log = recycling.empty((most, 2 + orders.SLIP), np.float64)
    days, slips, booked, bad = books.simulate(
        market, wanted, decides, terms, float(cash), positions, log
    )
    if bad:
        refuse_prices(panel, fill, market)
    return Result(
        panel.dates, panel.symbols, days[:, 1], days[:, 0], days[:, 3], days[:, 2], positions,
        slips, booked, float(cash),
    )  # fmt: skip


def _market(
    panel: Panel,
    fill: PortfolioFill,
    rules: RuleBook | None,
    volume_cap: float,
    listed_on: Mapping[str, str] | None,
) -> holdings.Market:
    """Bars, limits and actions for the kernel."""
    price, close = _fill_price(panel, fill), np.ascontiguousarray(panel["close"])
    up, down = limits(panel, rules, listed_on) if rules else (_NONE, _NONE)
    # adjusted prices contain every action already
    cash, bonus, offered, asked = (
        (_NONE,) * 4 if panel.adjustment == "adjusted" else action_terms(panel)
    )
    return holdings.Market(
        price, close, np.ascontiguousarray(panel["volume"]) if volume_cap > 0.0 else _NONE,
        up, down, field_or_none(panel, "factor") if panel.adjustment == "raw" else _NONE,
        cash, bonus, offered, asked, field_or_none(panel, "delisting_payout"),
    )  # fmt: skip


def _fill_price(panel: Panel, fill: PortfolioFill) -> Array:
    if fill != "next_vwap":
        return np.ascontiguousarray(panel["open" if fill == "next_open" else "close"])
    if "vwap" in panel:
        return np.ascontiguousarray(panel["vwap"])
    if "amount" not in panel or "volume" not in panel:
        raise UserError(
            f"fill is next_vwap, but the panel of source {panel.source!r} has neither vwap nor "
            "amount and volume: add them, or choose next_open or next_close"
        )
    traded = panel["volume"] > 0.0
    amount = np.where(traded & (panel["amount"] > 0.0), panel["amount"], np.nan)
    return np.asarray(amount / np.where(traded, panel["volume"], 1.0))


def _terms(
    panel: Panel,
    rules: RuleBook | None,
    costs: CostConfig,
    volume_cap: float,
    fill: PortfolioFill,
    kind: TargetKind,
    rights: Rights,
    waits: bool,
) -> orders.Terms:
    rates = day_costs(costs, panel.dates, rules)
    minimum = lot = np.ones(len(panel.symbols))
    if rules is not None and len(panel.dates):
        minimum, lot = rules.lots(panel.symbols, str(panel.dates[-1]))
    table = np.stack([rates.commission, rates.stamp_buy, rates.stamp_sell, rates.transfer])
    return orders.Terms(
        minimum, lot, table, rates.commission_minimum, rates.slippage, float(volume_cap),
        _TOUCH_OF_AVERAGE if fill == "next_vwap" else orders.DUST,
        rules is not None, kind == "shares", rights == "subscribe", waits,
    )  # fmt: skip
