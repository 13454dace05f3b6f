"""The price monitor: bounds that a price should not leave, and the day's price limits.

One alert per breach. The limits are the rule book's for the symbol's board, its special treatment,
its listing and the day.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import threading
from collections.abc import Callable, Collection, Iterable, Mapping

from tasks.errors import UserError
from tasks.market.rules_limits import day_limits
from tasks.monitor.alerts import Alert, AlertLevel, AlertType, now

#: a breach is over when the price is back inside by this share of the threshold; without it a
#: price that dances on the line would alert on every tick
HYSTERESIS = 0.002
#: CNY by which binary fractions of whole cents may differ
_HAIR = 1e-6


@dataclasses.dataclass
class _Watch:
    high: float = math.inf
    low: float = -math.inf
    hysteresis: float = HYSTERESIS
    breached: str = ""
    ceiling: float = math.inf
    floor: float = 0.0
    sealed: str = ""
    price: float = math.nan
    seen: dt.datetime | None = None


class PriceMonitor:
    """Watches the last prices of some symbols; safe among threads.

    Args:
        symbols: what is watched, such as `600519.SH`.
        on_alert: called with the alert of each new breach, beside its being returned.
        on_end: called with the key of a breach that is over, and when.
    """

    def __init__(
        self,
        symbols: Iterable[str] = (),
        *,
        on_alert: Callable[[Alert], object] | None = None,
        on_end: Callable[[str, dt.datetime], object] | None = None,
    ) -> None:
        self._watched = {symbol: _Watch() for symbol in symbols}
        self._on_alert = on_alert
        self._on_end = on_end
        self._lock = threading.Lock()

    @property
    def symbols(self) -> tuple[str, ...]:
        """What is watched."""
        return tuple(self._watched)

    @property
    def prices(self) -> dict[str, float]:
        """The last price of each symbol that has had one, CNY."""
        return {s: w.price for s, w in self._watched.items() if not math.isnan(w.price)}

    def add_price_alert(
        self,
        symbol: str,
        threshold_high: float | None = None,
        threshold_low: float | None = None,
        *,
        hysteresis: float = HYSTERESIS,
    ) -> None:
        """Alert when a price rises to `threshold_high` or falls to `threshold_low`, CNY.

        A further call for the same symbol replaces its bounds and arms it again. After an alert
        the symbol is armed again once the price is inside the bound by the share `hysteresis`.
        """
        high = math.inf if threshold_high is None else float(threshold_high)
        low = -math.inf if threshold_low is None else float(threshold_low)
        if threshold_high is None and threshold_low is None:
            raise UserError(f"price alert of {symbol}: give threshold_high, threshold_low or both")
        if not low < high:
            raise UserError(
                f"price alert of {symbol}: threshold_low {low:g} is not below threshold_high "
                f"{high:g}; exchange them"
            )
        if not 0 <= hysteresis < 1:
            raise UserError(f"price alert of {symbol}: hysteresis {hysteresis:g} is not in [0, 1)")
        with self._lock:
            watch = self._watched.setdefault(symbol, _Watch())
            former, watch.breached = watch.breached, ""
            watch.high, watch.low, watch.hysteresis = high, low, hysteresis
        self._tell(symbol, former, None, now())

    def open_day(
        self,
        day: str,
        references: Mapping[str, float],
        *,
        special: Collection[str] = (),
        listed: Mapping[str, str] | None = None,
    ) -> None:
        """Watch the price limits of a session, until the next one is opened.

        A price at its limit is an alert; one beyond it is impossible, as a price below zero is.

        Args:
            day: ISO date of the session.
            references: symbol to the ex-right price of its last close (on the day of its listing
                the issue price), CNY; these symbols are watched from now on. Others have no limits.
            special: symbols under special treatment (ST, *ST).
            listed: symbol to the ISO date of its listing, for new ones.
        """
        since = listed or {}
        limits = {
            symbol: day_limits(
                symbol, price, day, status="st" if symbol in special else "normal",
                listed=since.get(symbol, ""),
            )
            for symbol, price in references.items()
        }  # fmt: skip
        ended = []
        with self._lock:
            for symbol in limits:
                self._watched.setdefault(symbol, _Watch())
            for symbol, watch in self._watched.items():
                watch.ceiling, watch.floor = limits.get(symbol, (math.inf, 0.0))
                if watch.sealed:
                    ended.append((symbol, watch.sealed))
                watch.sealed = ""
        for symbol, side in ended:
            self._tell(symbol, side, None, now())

    def watch(self, symbols: Iterable[str]) -> None:
        """Watch further symbols; those watched already keep their bounds."""
        with self._lock:
            for symbol in symbols:
                self._watched.setdefault(symbol, _Watch())

    def update_price(
        self, symbol: str, price: float, when: dt.datetime | None = None
    ) -> Alert | None:
        """Take a tick; the alert of a new breach, or of a limit that is reached, else None.

        If one tick does both, the listener hears of both and the breach is returned.

        Args:
            symbol: a watched symbol.
            price: last price, CNY. One that is no positive number is a breach of its own.
            when: the tick's time, aware; now by default.
        """
        moment = when or now()
        with self._lock:
            watch = self._watched.get(symbol)
            if watch is None:
                raise UserError(
                    f"symbol {symbol} is not watched: name it in init_price_monitor or give it a "
                    "price alert first"
                )
            watch.seen = moment
            before = watch.breached, watch.sealed
            watch.breached = _side(watch, price)
            if watch.breached != "bad":
                watch.sealed = _limit(watch, price)
            changes = [
                (old, _alert(symbol, watch, new, price, moment) if new else None)
                for old, new in zip(before, (watch.breached, watch.sealed), strict=True)
                if old != new
            ]
        for old, alert in changes:
            self._tell(symbol, old, alert, moment)
        return next((alert for _, alert in changes if alert is not None), None)

    def stale(self, seconds: float, when: dt.datetime | None = None) -> list[Alert]:
        """Alerts for symbols whose last tick is older; a symbol without any tick is not stale."""
        moment = when or now()
        with self._lock:
            late = [
                (s, w.seen)
                for s, w in self._watched.items()
                if w.seen is not None and (moment - w.seen).total_seconds() > seconds
            ]
        return [_stale(symbol, seen, moment) for symbol, seen in late]

    def _tell(self, symbol: str, ended: str, alert: Alert | None, when: dt.datetime) -> None:
        """Call whoever listens, outside the lock: a listener may ask the monitor again."""
        if ended and self._on_end is not None:
            self._on_end(_key(symbol, ended), when)
        if alert is not None and self._on_alert is not None:
            self._on_alert(alert)


def _side(watch: _Watch, price: float) -> str:
    """Which bound is breached after this price; a bound let go of only with hysteresis."""
    if not (math.isfinite(price) and price > 0):
        return "bad"
    if price > watch.ceiling + _HAIR or price < watch.floor - _HAIR:
        return "bad"
    watch.price = price
    margin = watch.hysteresis
    if price >= watch.high or (watch.breached == "high" and price > watch.high * (1 - margin)):
        return "high"
    if price <= watch.low or (watch.breached == "low" and price < watch.low * (1 + margin)):
        return "low"
    return ""


def _limit(watch: _Watch, price: float) -> str:
    """Which of the day's limits the price is at; let go of only with hysteresis."""
    margin = watch.hysteresis
    for side, limit, distance in (
        ("ceiling", watch.ceiling, watch.ceiling - price),
        ("floor", watch.floor, price - watch.floor),
    ):
        if distance <= (margin * limit if watch.sealed == side else _HAIR):
            return side
    return ""


def _alert(symbol: str, watch: _Watch, side: str, price: float, when: dt.datetime) -> Alert:
    if side == "bad":
        what, how_bad = f"{symbol} has an impossible price", f"{price:g} CNY"
        if math.isfinite(watch.ceiling):
            how_bad += f", limits {watch.floor:,.2f} to {watch.ceiling:,.2f} CNY"
        effect, do = "the tick is ignored", "check the feed"
    elif side in ("ceiling", "floor"):
        what = f"{symbol} is at its {'upper' if side == 'ceiling' else 'lower'} price limit"
        how_bad = f"{price:,.2f} CNY"
        effect = f"it can hardly be {'bought' if side == 'ceiling' else 'sold'}"
        do = "expect orders to stay open; told once until the price has left the limit"
    else:
        bound = watch.high if side == "high" else watch.low
        way = "above" if side == "high" else "below"
        what = f"{symbol} is {way} its bound"
        how_bad = f"{price:,.2f} CNY, bound {bound:,.2f} CNY"
        effect, do = "", "decide about the position; told once until the price is back inside"
    return Alert(
        AlertType.PRICE,
        AlertLevel.WARNING,
        what,
        how_bad,
        since=when,
        effect=effect,
        do=do,
        symbol=symbol,
        value=price,
        key=_key(symbol, side),
    )


def _stale(symbol: str, seen: dt.datetime, when: dt.datetime) -> Alert:
    age = (when - seen).total_seconds()
    return Alert(
        AlertType.DATA,
        AlertLevel.WARNING,
        f"{symbol} has had no tick",
        f"{age:,.0f} s",
        since=seen,
        effect="its bounds are not watched",
        do="check the feed, or whether trading is suspended",
        symbol=symbol,
        value=age,
        key=f"stale:{symbol}",
    )


def _key(symbol: str, side: str) -> str:
    return f"price:{symbol}:{side}"
