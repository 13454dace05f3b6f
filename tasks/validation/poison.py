"""What a night's check does to the future of raw rows, before anything has looked at them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.data.bars import Bars

    Array = NDArray[np.float64]

Change = Callable[["Bars", np.datetime64, np.random.Generator], "Bars"]


def truncated(bars: Bars, cut: np.datetime64, random: np.random.Generator) -> Bars:
    """Without the rows from the cut on."""
    del random
    return dataclasses.replace(bars, frame=bars.frame[~_future(bars, cut)].reset_index(drop=True))


def scaled(bars: Bars, cut: np.datetime64, random: np.random.Generator) -> Bars:
    """Every number from the cut on times a factor of its own, 0.2 to 5."""
    return _changed(
        bars, cut, lambda values: values * np.exp(random.uniform(-1.6, 1.6, len(values)))
    )


def missing(bars: Bars, cut: np.datetime64, random: np.random.Generator) -> Bars:
    """No number is known from the cut on."""
    del random
    return _changed(bars, cut, lambda values: np.full_like(values, np.nan))


def shuffled(bars: Bars, cut: np.datetime64, random: np.random.Generator) -> Bars:
    """The days from the cut on in another order, the same for every symbol."""
    frame = bars.frame.copy()
    future = _future(bars, cut)
    dates = frame["date"].to_numpy().copy()
    days, place = np.unique(dates[future], return_inverse=True)
    dates[future] = random.permutation(days)[place]
    frame["date"] = dates
    return dataclasses.replace(bars, frame=frame)


#: what is done to the future besides cutting it off, by name
CHANGES: dict[str, Change] = {"scaled": scaled, "missing": missing, "shuffled": shuffled}


def _future(bars: Bars, cut: np.datetime64) -> NDArray[np.bool_]:
    days = bars.frame["date"].to_numpy().astype("datetime64[D]")
    future: NDArray[np.bool_] = days >= cut
    return future


def _changed(bars: Bars, cut: np.datetime64, poison: Callable[[Array], Array]) -> Bars:
    frame = bars.frame.copy()
    future = _future(bars, cut)
    for name in frame.columns:
        if name not in ("symbol", "date"):
            values = frame[name].to_numpy().astype(np.float64)
            values[future] = poison(values[future])
            frame[name] = values
    return dataclasses.replace(bars, frame=frame)
