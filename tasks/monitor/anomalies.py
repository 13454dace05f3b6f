"""Anomalies of a price stream: returns that are too large for the symbol's own recent returns.

A tick's log return is divided by an exponentially weighted standard deviation of the returns
before it. Prices themselves are never scored: a random walk leaves every band around its mean.
The deviation is updated with winsorised returns, so that one spike does not hide the next, and
its bias under Student-t returns is corrected. The threshold follows from a false-alarm rate per
tick under Student-t returns with five degrees of freedom, which is about as heavy-tailed as
minutes of an index are; Gaussian returns then give practically none.

The state is one NumPy block, a column per symbol: a snapshot of 5,000 names is one call.
"""

from __future__ import annotations

import datetime as dt
import functools
import math
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from tasks.errors import UserError
from tasks.monitor.alerts import Alert, AlertLevel, AlertType, now
from tasks.monitor.kernels import BASE, COUNT, FAST, LAST, score, take_prices

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

#: one tick in ten thousand under t(5) returns
FALSE_ALARM_RATE = 1e-4
#: degrees of freedom of the returns that the threshold is calibrated for
TAIL = 5.0
#: ticks after which an observation's weight has halved
HALF_LIFE = 60.0
#: the same for the two deviations whose ratio is a volatility spike
FAST_HALF_LIFE, BASE_HALF_LIFE = 10.0, 300.0
#: returns before a symbol is scored
WARMUP = 30
#: returns enter the deviations cut to so many deviations: for scores, and for spikes
CLIP, FAST_CLIP = 3.0, 6.0
#: after an anomaly, so many calm ticks arm the symbol again
CALM_TICKS = 20
#: fast over base deviation that counts as a spike, and the ratio that arms it again
SPIKE_RATIO, SPIKE_OVER = 2.0, 1.5
#: a longer silence is a break in trading (lunch, night): the return across it is not scored
GAP = dt.timedelta(minutes=30)
#: with so many names in a snapshot the market's median return is taken out first
MARKET_NAMES = 20


class AnomalyDetector:
    """Scores returns of any number of symbols, in constant memory each; safe among threads.

    Args:
        false_alarm_rate: accepted share of ticks that alarm without cause, under t(5) returns;
            sets the threshold in standard deviations.
        half_life: memory of the deviation, in ticks.
        warmup: returns before the first score.
        threshold: use this instead of the calibrated one.
    """

    def __init__(
        self,
        false_alarm_rate: float = FALSE_ALARM_RATE,
        *,
        half_life: float = HALF_LIFE,
        warmup: int = WARMUP,
        threshold: float | None = None,
    ) -> None:
        if not 0 < false_alarm_rate < 1:
            raise UserError(f"false_alarm_rate {false_alarm_rate:g} is not between 0 and 1")
        if half_life <= 1 or warmup < 2:
            raise UserError("half_life must be above 1 tick and warmup at least 2 returns")
        self.threshold = threshold or calibrated_threshold(false_alarm_rate)
        self._warmup = warmup
        self._limits = np.array([warmup, self.threshold, CALM_TICKS], dtype=np.float64)
        self._memory = np.array(
            [
                (1 - 0.5 ** (1 / ticks), clip, kept_variance(clip))
                for ticks, clip in (
                    (half_life, CLIP),
                    (FAST_HALF_LIFE, FAST_CLIP),
                    (BASE_HALF_LIFE, FAST_CLIP),
                )
            ]
        )
        self._columns: dict[str, int] = {}
        self._state = _empty(64)
        self._spiking: set[str] = set()
        self._seen: dict[str, dt.datetime] = {}
        self._lock = threading.Lock()

    def detect_price_anomaly(
        self, symbol: str, price: float, when: dt.datetime | None = None
    ) -> Alert | None:
        """Take a tick; an alert if its return is an anomaly, or if it is no price at all.

        One event is one alert: the symbol is armed again after 20 calm ticks. A price that is not
        positive and finite alarms and leaves the statistics alone.

        Args:
            symbol: any symbol; an unknown one starts its own statistics.
            price: last price, CNY.
            when: the tick's time, aware; now by default. After more than 30 minutes of silence
                the return is not scored.
        """
        return next(iter(self.detect_snapshot({symbol: price}, when)), None)

    def detect_snapshot(
        self, prices: Mapping[str, float], when: dt.datetime | None = None
    ) -> list[Alert]:
        """Take one tick of many symbols; the alerts, in the order of `prices`.

        With 20 names or more the median return is taken out first: a move of the whole market is
        not five thousand anomalies.
        """
        moment = when or now()
        with self._lock:
            names = list(prices)
            columns = np.array([self._column(name) for name in names], dtype=np.intp)
            values = np.fromiter(prices.values(), dtype=np.float64, count=len(names))
            fresh = self._after_gap(names, moment)
            scores, alarms = self._observe(columns, values, fresh)
        return [_alert(names[i], values[i], scores[i], moment) for i in np.flatnonzero(alarms)]

    def detect_volatility_spike(
        self, symbol: str, price: float | None = None, when: dt.datetime | None = None
    ) -> Alert | None:
        """An alert when the last ten ticks or so are twice as volatile as usual.

        Reads what the ticks given so far say; with a `price` that tick is taken first (give each
        tick once, here or to `detect_price_anomaly`). One spike is one alert.
        """
        if price is not None:
            self.detect_price_anomaly(symbol, price, when)
        with self._lock:
            ratio = self._ratio(symbol)
            if symbol in self._spiking:
                if ratio < SPIKE_OVER:
                    self._spiking.discard(symbol)
                return None
            if not ratio > SPIKE_RATIO:
                return None
            self._spiking.add(symbol)
        return _spike(symbol, ratio, when or now())

    def new_session(self) -> None:
        """Forget last prices, keep deviations: the next return of each symbol is not scored."""
        with self._lock:
            self._state[LAST] = np.nan

    def _column(self, symbol: str) -> int:
        column = self._columns.setdefault(symbol, len(self._columns))
        if column >= self._state.shape[1]:
            self._state = np.concatenate([self._state, _empty(self._state.shape[1])], axis=1)
        return column

    def _after_gap(self, names: list[str], moment: dt.datetime) -> NDArray[np.bool_]:
        fresh = [moment - self._seen.get(name, moment) > GAP for name in names]
        self._seen.update(dict.fromkeys(names, moment))
        return np.array(fresh, dtype=np.bool_)

    def _observe(
        self, columns: NDArray[np.intp], prices: Array, fresh: NDArray[np.bool_]
    ) -> tuple[Array, NDArray[np.bool_]]:
        """Scores (NaN: not scored) and which of them alarm; updates the state."""
        returns, scores = np.empty_like(prices), np.empty_like(prices)
        alarms = np.empty(len(prices), dtype=np.bool_)
        take_prices(columns, prices, fresh, self._state, returns)
        known = np.isfinite(returns)
        if len(prices) >= MARKET_NAMES and np.count_nonzero(known) >= MARKET_NAMES:
            returns -= np.median(returns[known])
        score(columns, returns, prices, self._state, self._limits, self._memory, scores, alarms)
        return scores, alarms

    def _ratio(self, symbol: str) -> float:
        column = self._columns.get(symbol)
        if column is None:
            return math.nan
        state = self._state[:, column]
        if state[COUNT] < self._warmup or not state[BASE] > 0:
            return math.nan
        return math.sqrt(state[FAST] / state[BASE])


def _empty(size: int) -> Array:
    state = np.zeros((6, size))
    state[LAST] = np.nan
    return state


@functools.cache
def calibrated_threshold(false_alarm_rate: float) -> float:
    """Deviations that t(5) returns of unit variance exceed, either way, at the given rate."""
    from scipy import stats

    return float(stats.t.isf(false_alarm_rate / 2, TAIL) / math.sqrt(TAIL / (TAIL - 2)))


@functools.cache
def kept_variance(clip: float) -> float:
    """Share of the variance of t(5) returns that is left after cutting them at `clip` deviations.

    The integral of min(z, clip)^2 over the density, by 1,000,000 quantiles of equal weight.
    """
    from scipy import stats

    middle = (np.arange(1_000_000) + 0.5) / 2_000_000
    z = -stats.t.ppf(middle, TAIL) / math.sqrt(TAIL / (TAIL - 2))
    return float(np.mean(np.minimum(z, clip) ** 2))


def _alert(symbol: str, price: float, score: float, when: dt.datetime) -> Alert:
    if math.isnan(score):
        what, how_bad = f"{symbol} has an impossible price", f"{price:g} CNY"
        severity = 0.0
    else:
        what = f"{symbol} {'jumped' if score > 0 else 'fell'} far beyond its usual moves"
        how_bad = f"{abs(score):.1f} standard deviations, now {price:,.2f} CNY"
        severity = abs(score)
    return Alert(
        AlertType.ANOMALY,
        AlertLevel.WARNING,
        what,
        how_bad,
        since=when,
        do="check news, corporate actions and the feed before acting on this price",
        symbol=symbol,
        value=float(price if math.isnan(score) else score),
        severity=severity,
        key=f"anomaly:{symbol}",
    )


def _spike(symbol: str, ratio: float, when: dt.datetime) -> Alert:
    return Alert(
        AlertType.VOLATILITY,
        AlertLevel.WARNING,
        f"{symbol} is unusually volatile",
        f"{ratio:.1f} times its usual standard deviation",
        since=when,
        do="check news; limits and stop prices may be hit",
        symbol=symbol,
        value=ratio,
        severity=ratio,
        key=f"volatility:{symbol}",
    )
