"""Shares or lots, yuan or thousands: recognised from amount / volume / close, or as given.

The ratio is 1 where volume is in shares and amount in yuan, 100 for lots and yuan, 0.1 for lots
and thousand yuan, 0.001 for shares and thousand yuan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from tasks.data.config import DataConfig

LOT = 100.0
_RATIOS = {
    1.0: ("shares", "yuan"),
    100.0: ("lots", "yuan"),
    0.1: ("lots", "thousand"),
    0.001: ("shares", "thousand"),
}
_SCALE = {"shares": 1.0, "lots": LOT, "yuan": 1.0, "thousand": 1000.0}
#: how far a symbol's median ratio may lie from the exact one
_NEAR = 1.25
#: share of symbols that must agree
_MOST = 0.8


def to_shares_and_yuan(frame: pd.DataFrame, config: DataConfig, where: str) -> list[str]:
    """Rescale `volume` and `amount` in place; sentences about what was recognised.

    Raises:
        UserError: the units are to be recognised and the data does not tell them.
    """
    volume: str = config.volume_unit
    amount: str = config.amount_unit
    how = "as given"
    unknown = "auto" in (volume, amount)
    if unknown and "amount" not in frame:
        volume = "shares" if volume == "auto" else volume
        how = "as given" if config.volume_unit != "auto" else "assumed, as there is no amount"
    elif unknown:
        seen = _recognised(frame, where)
        volume = seen[0] if volume == "auto" else volume
        amount = seen[1] if amount == "auto" else amount
        how = "recognised from amount / volume / close"
    frame["volume"] *= _SCALE[volume]
    if "amount" not in frame:
        return [f"Volume is in {volume} ({how})."]
    frame["amount"] *= _SCALE[amount]
    return [f"Volume is in {volume}, amount in {_words(amount)} ({how})."]


def _words(amount: str) -> str:
    return "thousand yuan" if amount == "thousand" else amount


def _recognised(frame: pd.DataFrame, where: str) -> tuple[str, str]:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = frame["amount"] / frame["volume"] / frame["close"]
    ratio = ratio.where(np.isfinite(ratio) & (ratio > 0))
    medians = ratio.groupby(frame["symbol"], observed=True).median().dropna().to_numpy()
    for exact, units in _RATIOS.items():
        near = np.abs(np.log(medians / exact)) < np.log(_NEAR) if len(medians) else medians
        if len(medians) and near.mean() >= _MOST:
            return units
    middle = f"{np.median(medians):.4g}" if len(medians) else "unknown"
    raise UserError(
        f"{where}: the units of volume and amount cannot be recognised (amount / volume / close "
        f"is {middle}; 1 means shares, 100 lots): set volume_unit and amount_unit"
    )
