"""Labels: what the models learn to predict, and how far into the future a label reaches.

A signal of day t is known after the close of t and filled at the open of t+1. The default label is
what such a fill earns until the next open, open(t+2)/open(t+1)-1; Qlib's
`Ref($close, -2) / Ref($close, -1) - 1` by setting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.data.panel import Panel
    from tasks.models.config import LabelKind

_PRICE = {"open_to_open": "open", "qlib": "close"}


def label_span(kind: LabelKind, horizon: int = 1) -> int:
    """Sessions from t to the last price that its label uses: 2 for both kinds at horizon 1.

    The purge covers every one of them.
    """
    _price_field(kind)
    return 1 + horizon


def labels(
    panel: Panel,
    kind: LabelKind = "open_to_open",
    *,
    horizon: int = 1,
    tradable: NDArray[np.bool_] | None = None,
    jumps: NDArray[np.bool_] | None = None,
) -> NDArray[np.float64]:
    """Return from the first price after t to the one `horizon` sessions later.

    Args:
        panel: T x N with adjusted prices (`panel.adjusted()`), or prices that were never adjusted
            together with `jumps`.
        kind: `open_to_open` or `qlib`.
        horizon: sessions held, 1 by default.
        tradable: T x N, whether a symbol could be bought on that day; a label of day t is masked
            where t+1 is False. None: wherever there is a price.
        jumps: T x N, whether a symbol moved beyond the day's price limit on that day; labels that
            span such a move are masked. Needed where prices are unadjusted, since a split would
            otherwise be a loss.

    Returns:
        T x N simple returns; NaN where a price is missing, on masked cells and on the last
        `label_span` days, whose prices are not known yet.

    Raises:
        UserError: unknown kind, horizon below 1, or raw prices that have a factor.
    """
    field = _price_field(kind)
    if panel.adjustment == "raw":
        raise UserError(
            f"the panel of source {panel.source!r} holds raw prices, so a dividend would be a loss "
            "in the labels: pass panel.adjusted()"
        )
    if horizon < 1:
        raise UserError(f"label horizon {horizon} is below one session: choose 1 or more")
    out = np.full(panel.shape, np.nan)
    days = panel.shape[0] - label_span(kind, horizon)
    if days <= 0:
        return out
    price = np.where(panel[field] > 0, panel[field], np.nan)
    out[:days] = price[1 + horizon :] / price[1:-horizon] - 1.0
    if tradable is not None:
        out[:days][~tradable[1 : 1 + days]] = np.nan
    if jumps is not None:
        for ahead in range(2, 2 + horizon):
            out[:days][jumps[ahead : ahead + days]] = np.nan
    return out


def _price_field(kind: str) -> str:
    try:
        return _PRICE[kind]
    except KeyError:
        raise UserError(
            f"label {kind!r} is unknown: choose {' or '.join(map(repr, _PRICE))}"
        ) from None
