"""Every printed number, by example and by property."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.report import format as fmt
from tasks.report.research import Estimate
from tasks.report.words import Text, pick

FINITE = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12)


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        (fmt.integer(1240), "1,240"),
        (fmt.fixed(-1234.5, 1), "−1,234.5"),
        (fmt.fixed(-0.001, 2), "0.00"),
        (fmt.percent(0.123), "+12.3 %"),
        (fmt.percent(-0.0004), "−0.04 %"),
        (fmt.percent(0.0), "0.0 %"),
        (fmt.percent(12.404), "+1,240 %"),
        (fmt.share(0.9549), "95.5 %"),
        (fmt.share(0.99996), "99.99 %"),
        (fmt.share(1.0), "100 %"),
        (fmt.share(0.0), "0 %"),
        (fmt.level(0.1), "10 %"),
        (fmt.level(0.025), "2.5 %"),
        (fmt.ratio(0.914), "0.91"),
        (fmt.coefficient(0.0309), "0.031"),
        (fmt.q_value(0.03), "0.03"),
        (fmt.q_value(0.0042), "0.004"),
        (fmt.q_value(0.0009), "< 0.001"),
        (fmt.q_is(0.0009), "q < 0.001"),
        (fmt.q_is(0.41), "q = 0.41"),
        (fmt.basis_points(12.4), "12 bp"),
        (fmt.significant(0.01234), "0.0123"),
        (fmt.significant(0.9999), "1.00"),
        (fmt.significant(1239.6), "1,240"),
        (fmt.plain(-0.5), "−0.5"),
        (fmt.clock("2026-11-20T21:34:00+08:00"), "21:34 +08:00"),
        (fmt.stamp("2026-11-20T21:34:00+08:00"), "2026-11-20 21:34 +08:00"),
        (fmt.short_hash("a41f77c09be2d355"), "a41f77c09be2"),
        (fmt.size(1_234_567), "1.2 MB"),
        (fmt.size(12), "12 B"),
        (fmt.gain(0.123), "▲ +12.3 %"),
        (fmt.gain(-0.05), "▼ −5.0 %"),
        (fmt.gain(0.0), "0.0 %"),
        (fmt.estimate(Estimate(0.914, 0.42, 1.384)), "0.91 [0.42, 1.38]"),
        (fmt.estimate(Estimate(0.914)), "0.91"),
        (fmt.estimate(Estimate(-0.05, -0.1, 0.02), "percent"), "−5.0 % [−10.0, +2.0]"),
    ],
)
def test_prints_as_the_brief_says(printed: str, expected: str) -> None:
    assert printed == expected


@pytest.mark.parametrize(
    ("words", "en", "zh"),
    [
        (fmt.duration(723), "12 min 03 s", "12 分 03 秒"),
        (fmt.duration(3.21), "3.2 s", "3.2 秒"),
        (fmt.duration(27.4), "27 s", "27 秒"),
        (fmt.duration(59.7), "1 min 00 s", "1 分 00 秒"),
        (fmt.duration(3900), "1 h 05 min", "1 小时 05 分"),
        (fmt.money(1_234_000), "¥1,234,000", "123.4 万元"),
        (fmt.money(2.5e8), "¥250,000,000", "2.50 亿元"),
        (fmt.money(-12), "−¥12", "−12 元"),
        (fmt.of(2, 1240), "2 of 1,240", "2 / 1,240"),
    ],
)
def test_says_it_in_both_languages(words: Text, en: str, zh: str) -> None:
    assert (pick(words), pick(words, "zh")) == (en, zh)


PRINTERS = [
    fmt.integer,
    fmt.percent,
    fmt.share,
    fmt.level,
    fmt.ratio,
    fmt.coefficient,
    fmt.q_value,
    fmt.basis_points,
    fmt.significant,
    fmt.plain,
    fmt.money,
    fmt.duration,
    fmt.size,
    fmt.gain,
]


@pytest.mark.parametrize("printer", PRINTERS)
@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_missing_is_a_dash_and_never_a_zero(printer: object, value: float | None) -> None:
    assert printer(value) == "—"  # type: ignore[operator]


def test_missing_estimates_and_moments_are_dashes() -> None:
    assert fmt.estimate(None) == "—"
    assert fmt.estimate(Estimate(None, 0.1, 0.2)) == "—"
    assert fmt.stamp(None) == "—"
    assert fmt.of(None, 3) == "—"
    assert fmt.short_hash("") == "—"


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no zone"):
        fmt.stamp("2026-11-20T21:34:00")


@given(FINITE)
def test_no_hyphen_stands_for_a_minus(value: float) -> None:
    for printer in (fmt.integer, fmt.ratio, fmt.percent, fmt.significant):
        text = printer(value)
        assert "-" not in text
        assert not text.startswith("−0 ")


@given(st.floats(min_value=1e-5, max_value=1e9))
def test_at_most_three_significant_digits(value: float) -> None:
    digits = fmt.significant(value).replace(",", "").replace(".", "").lstrip("0")
    assert len(digits.rstrip("0")) <= 3


@given(st.floats(min_value=0, max_value=1, exclude_min=True, exclude_max=True))
def test_only_all_is_a_hundred_percent(fraction: float) -> None:
    assert fmt.share(fraction) != "100 %"
    assert fmt.share(fraction) != "0 %"
