"""Proof that the leak check's alarm works: functions with a known leak, each of them to be caught.

Every one stands for a fault that has been made before: a window centred on its day, a signal
shifted the wrong way, a scale taken over all days, prices adjusted at the last bar, missing days
filled from behind. One function without a leak must pass.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from tasks.validation.leaks import Compute, check

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.data.panel import Panel

    Array = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Alarm:
    """One function whose answer is known.

    Attributes:
        name: what the alarm should notice.
        expected: `caught` or `clean`.
        seen: `caught` or `clean`.
        sentence: the check's finding.
    """

    name: str
    expected: str
    seen: str
    sentence: str

    @property
    def ok(self) -> bool:
        """Whether the check saw what is true."""
        return self.expected == self.seen


def planted_leaks(panel: Panel, *, seed: int = 7) -> tuple[Alarm, ...]:
    """Run the leak check on functions with and without a leak.

    Args:
        panel: bars with a `close`, at least 20 days; a few dozen symbols are enough.
        seed: of the check.
    """
    needed = {"close": panel["close"]}
    panel = dataclasses.replace(panel, fields=needed)
    alarms = []
    for name, fn in PLANTED.items():
        report = check(fn, panel, seed=seed)
        expected = "clean" if name == CLEAN else "caught"
        seen = "clean" if report.ok else "caught"
        alarms.append(Alarm(name, expected, seen, report.sentence))
    return tuple(alarms)


def _tomorrow(panel: Panel) -> dict[str, Array]:
    """Tomorrow's close as today's value."""
    out = np.full(panel.shape, np.nan)
    out[:-1] = panel["close"][1:]
    return {"value": out}


def _centred_mean(panel: Panel) -> dict[str, Array]:
    """Mean of yesterday, today and tomorrow."""
    close = panel["close"]
    out = np.full(panel.shape, np.nan)
    out[1:-1] = (close[:-2] + close[1:-1] + close[2:]) / 3.0
    return {"value": out}


def _whole_sample_scale(panel: Panel) -> dict[str, Array]:
    """Deviation from the mean over all days."""
    known = np.isfinite(panel["close"])
    filled = np.where(known, panel["close"], 0.0)
    mean = filled.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return {"value": panel["close"] - mean}


def _anchored_at_end(panel: Panel) -> dict[str, Array]:
    """Prices relative to each symbol's last one, as adjusting at the last bar makes them."""
    last = _filled(panel["close"])[-1]
    return {"value": panel["close"] / last}


def _filled_from_behind(panel: Panel) -> dict[str, Array]:
    """Closes of days on which a price fell are taken as unknown and filled from the next one."""
    close = panel["close"].copy()
    fell = close[1:] < close[:-1]
    close[1:][fell] = np.nan
    return {"value": _filled(close[::-1])[::-1]}


def _one_day_return(panel: Panel) -> dict[str, Array]:
    """Today's close over yesterday's: knows nothing of the future."""
    out = np.full(panel.shape, np.nan)
    out[1:] = panel["close"][1:] / panel["close"][:-1] - 1.0
    return {"value": out}


def _filled(values: Array) -> Array:
    """Missing values take the last one known before them."""
    row = np.where(np.isfinite(values), np.arange(len(values))[:, None], 0)
    return np.take_along_axis(values, np.maximum.accumulate(row, axis=0), axis=0)


CLEAN = "no leak"
PLANTED: dict[str, Compute] = {
    "tomorrow's value planted": _tomorrow,
    "window centred on its day": _centred_mean,
    "scale over the whole sample": _whole_sample_scale,
    "adjusted at the last bar": _anchored_at_end,
    "filled from the next day": _filled_from_behind,
    CLEAN: _one_day_return,
}
