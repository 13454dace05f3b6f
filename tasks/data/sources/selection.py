"""What every source does last: keep the asked symbols and days, and say so if nothing is left."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tasks.data.bars import Bars
from tasks.errors import UserError
from tasks.market.symbols import is_index, normalise_all

if TYPE_CHECKING:
    from tasks.data.config import DataConfig


def selected(bars: Bars, config: DataConfig, day: str) -> Bars:
    """The asked symbols (benchmarks stay) from `config.start` to the earlier of day and end.

    Raises:
        UserError: an asked symbol is not there, or no bars are left.
    """
    benchmarks = _benchmarks(bars, config)
    frame = bars.frame
    if config.symbols:
        wanted = normalise_all(config.symbols, config.symbol_format)
        _require(wanted, bars, "symbols")
        frame = frame[frame["symbol"].isin([*wanted, *benchmarks])]
    last = min(day, config.end) if config.end else day
    dates = frame["date"]
    # A row without a date stays: the gate counts it.
    keep = ~(dates > np.datetime64(last))
    if config.start:
        keep &= ~(dates < np.datetime64(config.start))
    frame = frame[keep]
    if not len(frame):
        raise UserError(_nothing(bars, config, last))
    frame = frame.reset_index(drop=True)
    frame["symbol"] = frame["symbol"].cat.remove_unused_categories()
    names = list(frame["symbol"].cat.categories)
    left = tuple(b for b in benchmarks if b in names)
    if len(left) == len(names):
        raise UserError(
            f"source {bars.source!r} has only indices ({', '.join(left[:3])}) and no stock to "
            "rank: give data with stocks, or name the benchmarks in the setting benchmarks"
        )
    return dataclasses.replace(bars, frame=frame, benchmarks=left)


def _benchmarks(bars: Bars, config: DataConfig) -> tuple[str, ...]:
    if config.benchmarks:
        given = normalise_all(config.benchmarks, config.symbol_format)
        _require(given, bars, "benchmarks")
        return tuple(dict.fromkeys(given))
    if bars.benchmarks or config.symbol_format == "as_is":
        return bars.benchmarks
    return tuple(s for s in sorted(bars.frame["symbol"].cat.categories) if is_index(s))


def _require(symbols: Sequence[str], bars: Bars, setting: str) -> None:
    have = set(bars.frame["symbol"].cat.categories)
    unknown = [s for s in symbols if s not in have]
    if unknown:
        raise UserError(
            f"source {bars.source!r} has no symbol {', '.join(unknown[:3])} (it has {len(have)}, "
            f"such as {', '.join(sorted(have)[:3])}): correct the setting {setting}"
        )


def _nothing(bars: Bars, config: DataConfig, last: str) -> str:
    dates = bars.frame["date"]
    have = f"{str(dates.min())[:10]} to {str(dates.max())[:10]}" if len(dates) else "no bars at all"
    return (
        f"source {bars.source!r} has no bars from {config.start or 'its first day'} to {last} "
        f"(it has {have}): choose dates inside that range"
    )
