"""The detector's promises as numbers: false alarms stated in the module hold on simulated ticks."""

import datetime as dt
import math
import os
from pathlib import Path

import numpy as np
import pytest

from tasks.errors import UserError
from tasks.monitor import anomalies
from tasks.monitor.anomalies import AnomalyDetector, calibrated_threshold, kept_variance
from tasks.monitor.kernels import LAST, QUIET

WHEN = dt.datetime(2026, 11, 20, 2, 0, tzinfo=dt.UTC)


def walk(returns, start=100.0):
    return start * np.exp(np.cumsum(returns, axis=0))


def oracle(prices, threshold, half_life=60, warmup=30, calm=20):
    """Ticks that alarm, for one symbol, as slowly and plainly as it can be written."""
    variance, quiet, alarms = 0.0, 0, []
    for count, t in enumerate(range(1, len(prices))):
        r = math.log(prices[t]) - math.log(prices[t - 1])
        deviation = math.sqrt(variance)
        loud = count >= warmup and deviation > 0 and abs(r / deviation) > threshold
        if loud and quiet == 0:
            alarms.append(t)
        quiet = calm if loud else max(quiet - 1, 0)
        square = r * r if count < warmup else min(abs(r), 3 * deviation) ** 2 / kept_variance(3.0)
        weight = max(1 - 0.5 ** (1 / half_life), 1 / (count + 1))
        variance += weight * (square - variance)
    return alarms


@pytest.mark.parametrize("seed", range(5))
def test_equals_the_plain_oracle(seed):
    prices = walk(0.001 * np.random.default_rng(seed).standard_t(3, 3000))
    detector = AnomalyDetector()
    seen = [t for t, p in enumerate(prices) if detector.detect_price_anomaly("x", p, WHEN)]
    assert seen == oracle(prices, detector.threshold)
    assert seen, "three degrees of freedom jump now and then"


def false_alarms(draw, ticks=500, names=1000):
    rng = np.random.default_rng(7)
    prices = walk(0.001 * draw(rng, (ticks, names)))
    detector = AnomalyDetector()
    symbols = [str(i) for i in range(names)]
    found = [detector.detect_snapshot(dict(zip(symbols, row, strict=True)), WHEN) for row in prices]
    return sum(map(len, found)) / (ticks * names)


def test_a_gaussian_random_walk_raises_no_alarm():
    assert false_alarms(lambda rng, shape: rng.standard_normal(shape)) == 0


def test_heavy_tails_keep_the_false_alarm_rate_that_was_asked_for():
    rate = false_alarms(lambda rng, shape: rng.standard_t(5, shape) / math.sqrt(5 / 3))
    assert 0.5e-4 < rate < 2e-4


@pytest.mark.parametrize("kind", ["noise around a level", "random walk"])
def test_a_ten_percent_jump_is_found_and_is_one_alert(kind):
    hits = 0
    for seed in range(50):
        rng = np.random.default_rng(seed)
        noise = rng.standard_normal(200) * 0.005
        prices = 100 * (1 + noise) if kind == "noise around a level" else walk(noise)
        prices[150] *= 1.1
        detector = AnomalyDetector()
        seen = [t for t, p in enumerate(prices) if detector.detect_price_anomaly("x", p, WHEN)]
        assert set(seen) <= {150}
        hits += seen == [150]
    assert hits == 50


def test_one_spike_does_not_hide_the_next():
    rng = np.random.default_rng(1)
    prices = walk(rng.standard_normal(400) * 0.001)
    prices[200] *= 1.5
    prices[260] *= 1.02
    detector = AnomalyDetector()
    seen = [t for t, p in enumerate(prices) if detector.detect_price_anomaly("x", p, WHEN)]
    assert seen == [200, 260]


def test_a_move_of_the_whole_market_is_not_five_thousand_anomalies():
    rng = np.random.default_rng(2)
    returns = rng.standard_normal((300, 500)) * 0.001
    returns[200] -= 0.05
    returns[250, 17] += 0.05
    detector = AnomalyDetector()
    symbols = [str(i) for i in range(500)]
    found = {
        t: [a.symbol for a in detector.detect_snapshot(dict(zip(symbols, row, strict=True)), WHEN)]
        for t, row in enumerate(walk(returns))
    }
    assert {t: s for t, s in found.items() if s} == {250: ["17"]}


@pytest.mark.parametrize("price", [0.0, -3.0, math.nan, math.inf])
def test_a_price_that_is_none_alarms_and_leaves_the_statistics_alone(price):
    prices = walk(np.random.default_rng(3).standard_normal(200) * 0.001)
    clean, dirty = AnomalyDetector(), AnomalyDetector()
    for p in prices:
        clean.detect_price_anomaly("x", p, WHEN)
        dirty.detect_price_anomaly("x", p, WHEN)
    assert "impossible price" in dirty.detect_price_anomaly("x", price, WHEN).what
    assert dirty.detect_price_anomaly("x", price, WHEN) is None
    np.testing.assert_array_equal(clean._state[:QUIET], dirty._state[:QUIET])


def test_the_night_between_two_sessions_is_no_anomaly():
    prices = walk(np.random.default_rng(4).standard_normal(100) * 0.001)
    detector = AnomalyDetector()
    for p in prices:
        detector.detect_price_anomaly("x", p, WHEN)
    assert (
        detector.detect_price_anomaly("x", prices[-1] * 1.05, WHEN + dt.timedelta(hours=18)) is None
    )
    later = WHEN + dt.timedelta(hours=18, seconds=3)
    assert detector.detect_price_anomaly("x", prices[-1] * 1.1, later) is not None
    detector.new_session()
    assert detector.detect_price_anomaly("x", prices[-1] * 2, later) is None


def test_scaling_prices_changes_nothing():
    prices = walk(0.001 * np.random.default_rng(5).standard_t(3, 2000))
    alarms = []
    for scale in (1.0, 1024.0):
        detector = AnomalyDetector()
        alarms.append(
            [t for t, p in enumerate(prices * scale) if detector.detect_price_anomaly("x", p, WHEN)]
        )
    assert alarms[0] == alarms[1]


def test_symbols_do_not_touch_each_other():
    rng = np.random.default_rng(6)
    prices = walk(0.001 * rng.standard_t(3, (1500, 3)))
    together, alone = AnomalyDetector(), [AnomalyDetector() for _ in range(3)]
    for row in prices:
        found = {
            a.symbol for a in together.detect_snapshot(dict(zip("abc", row, strict=True)), WHEN)
        }
        single = {
            s
            for s, p, d in zip("abc", row, alone, strict=True)
            if d.detect_price_anomaly(s, p, WHEN)
        }
        assert found == single


def test_a_constant_price_never_alarms_and_its_first_move_does():
    detector = AnomalyDetector()
    assert not any(detector.detect_price_anomaly("x", 10.0, WHEN) for _ in range(100))
    assert detector.detect_volatility_spike("x") is None
    assert detector.detect_price_anomaly("x", 10.01, WHEN) is not None


def spikes(factor, seed):
    rng = np.random.default_rng(seed)
    returns = 0.001 * rng.standard_t(5, 400) / math.sqrt(5 / 3)
    returns[300:] *= factor
    detector = AnomalyDetector()
    return [
        t for t, p in enumerate(walk(returns)) if detector.detect_volatility_spike("x", p, WHEN)
    ]


def test_threefold_volatility_is_found_soon_and_told_once():
    found = [spikes(3, seed) for seed in range(40)]
    assert sum(bool(f) for f in found) >= 39
    assert sum(len(f) for f in found) <= 60
    assert np.median([f[0] - 300 for f in found if f]) <= 20


def test_steady_volatility_is_no_spike():
    assert sum(len(spikes(1, seed)) for seed in range(40)) <= 3


def test_the_calibration_is_the_students():
    from scipy import integrate, stats

    density = stats.t(5, scale=math.sqrt(3 / 5)).pdf
    tail, _ = integrate.quad(density, calibrated_threshold(1e-3), math.inf)
    assert 2 * tail == pytest.approx(1e-3, rel=1e-6)
    inside, _ = integrate.quad(lambda z: z * z * density(z), -3, 3)
    outside, _ = integrate.quad(density, 3, math.inf)
    assert kept_variance(3.0) == pytest.approx(inside + 9 * 2 * outside, rel=1e-4)


@pytest.mark.parametrize("wrong", [{"false_alarm_rate": 0}, {"half_life": 1}, {"warmup": 1}])
def test_wrong_settings_are_named(wrong):
    with pytest.raises(UserError, match=next(iter(wrong))):
        AnomalyDetector(**wrong)


def test_the_block_grows_with_the_names():
    detector = AnomalyDetector()
    names = {f"{i}": 10.0 + i for i in range(1000)}
    assert detector.detect_snapshot(names, WHEN) == []
    assert detector._state[LAST, 999] == math.log(1009.0)


def test_real_minutes_of_an_index_alarm_rarely():
    folder = os.environ.get("QILIN_REAL_DATA")
    if not folder:
        pytest.skip("QILIN_REAL_DATA is not set")
    import pandas as pd

    bars = pd.read_parquet(Path(folder) / "cn_sh000001_1min_2017.parquet")
    times = pd.to_datetime(bars["date"]).dt.tz_localize("Asia/Shanghai")
    detector = AnomalyDetector()
    alarms = [
        t
        for t, p in zip(times, bars["close"], strict=True)
        if detector.detect_price_anomaly("000001.SH", p, t.to_pydatetime())
    ]
    assert len(bars) == 24_000
    assert len(alarms) <= 24_000 * anomalies.FALSE_ALARM_RATE * 2
