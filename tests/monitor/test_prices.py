import datetime as dt
import math
import threading

import pytest

from tasks.errors import UserError
from tasks.monitor.prices import PriceMonitor

SYMBOL = "600519.SH"


@pytest.fixture
def monitor():
    found = PriceMonitor([SYMBOL, "000001.SZ"])
    found.add_price_alert(SYMBOL, threshold_high=200, threshold_low=150)
    return found


def test_a_breach_held_for_a_thousand_ticks_is_one_alert(monitor):
    alerts = [monitor.update_price(SYMBOL, 200 + i / 100) for i in range(1000)]
    assert [a is not None for a in alerts] == [True] + [False] * 999
    assert alerts[0].message.startswith(
        "[WARN] 600519.SH is above its bound — 200.00 CNY, bound 200"
    )


def test_a_price_that_dances_on_the_line_is_one_alert(monitor):
    alerts = [monitor.update_price(SYMBOL, 200 + (-1) ** i * 0.1) for i in range(100)]
    assert sum(a is not None for a in alerts) == 1


def test_a_price_that_came_back_arms_again(monitor):
    seen = [monitor.update_price(SYMBOL, p) is not None for p in (201, 199.7, 201, 198, 201)]
    assert seen == [True, False, False, False, True]


def test_from_one_bound_to_the_other(monitor):
    assert "above" in monitor.update_price(SYMBOL, 210).what
    assert "below" in monitor.update_price(SYMBOL, 140).what


@pytest.mark.parametrize("price", [0.0, -1.0, math.nan, math.inf])
def test_an_impossible_price_is_an_alert_of_its_own(monitor, price):
    monitor.update_price(SYMBOL, 180)
    assert "impossible price" in monitor.update_price(SYMBOL, price).what
    assert monitor.update_price(SYMBOL, price) is None
    assert monitor.prices == {SYMBOL: 180}


def test_ends_are_told():
    ended, begun = [], []
    monitor = PriceMonitor(on_alert=begun.append, on_end=lambda key, _: ended.append(key))
    monitor.add_price_alert(SYMBOL, threshold_high=200)
    for price in (199, 201, 190):
        monitor.update_price(SYMBOL, price)
    assert [a.problem for a in begun] == ended == [f"price:{SYMBOL}:high"]
    monitor.update_price(SYMBOL, 201)
    monitor.add_price_alert(SYMBOL, threshold_high=300)
    assert len(ended) == 2, "new bounds end the old breach"


def test_a_listener_may_ask_the_monitor_again():
    monitor = PriceMonitor(on_alert=lambda a: monitor.update_price(a.symbol, 100))
    monitor.add_price_alert(SYMBOL, threshold_high=200)
    assert monitor.update_price(SYMBOL, 201) is not None
    assert monitor.prices == {SYMBOL: 100}


def test_silence_of_a_feed_is_stale(monitor):
    start = dt.datetime(2026, 11, 20, 2, 0, tzinfo=dt.UTC)
    assert monitor.stale(60, start) == []
    monitor.update_price(SYMBOL, 180, start)
    assert monitor.stale(60, start + dt.timedelta(seconds=60)) == []
    (alert,) = monitor.stale(60, start + dt.timedelta(seconds=90))
    assert alert.message.startswith("[WARN] 600519.SH has had no tick — 90 s")


@pytest.mark.parametrize(
    ("bounds", "text"),
    [
        ({}, "give threshold_high, threshold_low or both"),
        ({"threshold_high": 1, "threshold_low": 2}, "is not below"),
        ({"threshold_high": 1, "hysteresis": 1}, "hysteresis 1"),
    ],
)
def test_wrong_bounds_are_named(bounds, text):
    with pytest.raises(UserError, match=text):
        PriceMonitor().add_price_alert(SYMBOL, **bounds)


def test_an_unknown_symbol_is_named(monitor):
    with pytest.raises(UserError, match=r"300750\.SZ is not watched"):
        monitor.update_price("300750.SZ", 1)


def test_watching_again_keeps_the_bounds(monitor):
    monitor.watch([SYMBOL, "300750.SZ"])
    assert monitor.symbols == (SYMBOL, "000001.SZ", "300750.SZ")
    assert monitor.update_price(SYMBOL, 300) is not None


def test_many_threads_make_one_alert(monitor):
    alerts = []

    def feed():
        alerts.extend(a for a in (monitor.update_price(SYMBOL, 250) for _ in range(200)) if a)

    threads = [threading.Thread(target=feed) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(alerts) == 1


def day(monitor, date, price=10.0, **settings):
    monitor.open_day(date, {SYMBOL: price}, **settings)
    return monitor


def test_a_price_at_its_limit_is_told_once_and_its_end_too():
    ended, begun = [], []
    monitor = PriceMonitor(on_alert=begun.append, on_end=lambda key, _: ended.append(key))
    day(monitor, "2026-11-20")
    for price in (10.9, 11.0, 10.99, 11.0, 10.5, 9.0):
        monitor.update_price(SYMBOL, price)
    assert [a.what for a in begun] == [
        f"{SYMBOL} is at its upper price limit",
        f"{SYMBOL} is at its lower price limit",
    ]
    assert ended == [f"price:{SYMBOL}:ceiling"]
    day(monitor, "2026-11-23", 9.0)
    assert ended[1:] == [f"price:{SYMBOL}:floor"], "a new day ends yesterday's limit"
    assert monitor.update_price(SYMBOL, 9.9).what.endswith("upper price limit")


def test_a_price_beyond_the_limit_is_impossible():
    monitor = day(PriceMonitor(), "2026-11-20")
    alert = monitor.update_price(SYMBOL, 11.01)
    assert "impossible price — 11.01 CNY, limits 9.00 to 11.00 CNY" in alert.message
    assert monitor.prices == {}
    assert monitor.update_price(SYMBOL, 10.0) is None


@pytest.mark.parametrize(
    ("symbol", "date", "settings", "price", "possible"),
    [
        ("300001.SZ", "2020-08-21", {}, 11.5, False),
        ("300001.SZ", "2020-08-24", {}, 11.5, True),
        (SYMBOL, "2026-07-03", {"special": {SYMBOL}}, 10.8, False),
        (SYMBOL, "2026-07-06", {"special": {SYMBOL}}, 10.8, True),
        ("688001.SH", "2026-11-20", {}, 11.9, True),
        ("830799.BJ", "2026-11-20", {}, 12.9, True),
        (SYMBOL, "2026-11-20", {"listed": {SYMBOL: "2026-11-17"}}, 30.0, True),
        (SYMBOL, "2026-11-20", {"listed": {SYMBOL: "2026-11-12"}}, 30.0, False),
        ("000300.SH", "2026-11-20", {}, 30.0, True),
    ],
)
def test_limits_are_those_of_the_board_the_status_and_the_day(
    symbol, date, settings, price, possible
):
    monitor = PriceMonitor()
    monitor.open_day(date, {symbol: 10.0}, **settings)
    alert = monitor.update_price(symbol, price)
    assert (alert is None) == possible


def test_a_tick_at_limit_and_bound_tells_both():
    begun = []
    monitor = day(PriceMonitor(on_alert=begun.append), "2026-11-20")
    monitor.add_price_alert(SYMBOL, threshold_high=10.8)
    returned = monitor.update_price(SYMBOL, 11.0)
    assert [a.key for a in begun] == [f"price:{SYMBOL}:high", f"price:{SYMBOL}:ceiling"]
    assert returned is begun[0]
