"""The one place where numbers become text: report, artifacts, terminal and alerts print the same.

Functions return a plain string where both languages print alike and a `Text` where they differ.
Missing values (None, NaN, infinite) print as an em dash, never as zero. Negative numbers carry a
true minus sign; estimates at most three significant digits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from tasks.report.night import Estimate
from tasks.report.words import Text, Words

MISSING: Final = "—"
MINUS: Final = "\u2212"


def is_missing(value: float | None) -> bool:
    """None, NaN and infinite values have no digits to print."""
    return value is None or not math.isfinite(value)


def fixed(value: float | None, places: int, *, sign: bool = False) -> str:
    """Thousands commas, `places` decimals, a true minus, a plus on request; never `−0`."""
    if value is None or not math.isfinite(value):
        return MISSING
    digits = f"{abs(value):,.{places}f}"
    if not any(c in "123456789" for c in digits):
        return digits
    if value < 0:
        return MINUS + digits
    return "+" + digits if sign else digits


def integer(value: float | None) -> str:
    """A count or whole number: `1,240`."""
    return fixed(value, 0)


def significant(value: float | None, digits: int = 3, *, sign: bool = False) -> str:
    """At most `digits` significant digits, never in exponent form: `0.0123`, `1.58`, `1,240`."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits - 1}e}")
    places = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    return fixed(rounded, min(places, 6), sign=sign)


def percent(fraction: float | None, *, sign: bool = True) -> str:
    """A return or change given as a fraction: `+12.3 %`, `−0.04 %`, `+1,240 %`."""
    if fraction is None or not math.isfinite(fraction):
        return MISSING
    value = 100 * fraction
    size = abs(value)
    if size >= 100:
        return significant(value, 3, sign=sign) + " %"
    if 0 < size < 0.1:
        return significant(value, 1, sign=sign) + " %"
    return fixed(value, 1, sign=sign) + " %"


def share(fraction: float | None) -> str:
    """A part of a whole, without a sign: `95.5 %`; only all is `100 %` and only none `0 %`."""
    if fraction is None or not math.isfinite(fraction):
        return MISSING
    if fraction in (0.0, 1.0):
        return f"{fraction * 100:.0f} %"
    if 0.999 <= fraction < 1:
        return f"{min(math.floor(fraction * 1e4) / 100, 99.99):.2f} %"
    return percent(fraction, sign=False)


def ratio(value: float | None, *, sign: bool = False) -> str:
    """A Sharpe ratio, an R², a probability: two decimals, `0.91`."""
    return fixed(value, 2, sign=sign)


def coefficient(value: float | None) -> str:
    """An information coefficient: three decimals, `0.031`."""
    return fixed(value, 3)


def q_value(value: float | None) -> str:
    """A probability after correction: `0.03`, `0.004`, `< 0.001`."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value < 0.001:
        return "< 0.001"
    return fixed(value, 3 if value < 0.01 else 2)


def level(fraction: float | None) -> str:
    """A level that was set, not measured: `10 %`, `2.5 %`."""
    if fraction is None or not math.isfinite(fraction):
        return MISSING
    return f"{100 * fraction:g} %"


def plain(value: float | None) -> str:
    """An axis value without trailing zeros: `1`, `1.5`, `−0.2`."""
    if value is None or not math.isfinite(value):
        return MISSING
    return f"{value:g}".replace("-", MINUS)


def q_is(value: float | None) -> str:
    """The whole statement: `q = 0.03`, `q < 0.001`."""
    text = q_value(value)
    return f"q {text}" if text.startswith("<") else f"q = {text}"


def basis_points(value: float | None, *, sign: bool = False) -> str:
    """Whole basis points, given in basis points: `12 bp`."""
    text = fixed(value, 0, sign=sign)
    return text if text == MISSING else text + " bp"


_PRINTERS: Final[dict[str, Callable[[float | None], str]]] = {
    "ratio": ratio,
    "coefficient": coefficient,
    "percent": percent,
    "share": share,
    "probability": q_value,
    "bp": basis_points,
    "count": integer,
    "times": lambda v: significant(v) + ("" if is_missing(v) else " ×"),
}


def printed(value: float | None, kind: str = "ratio") -> str:
    """A value by its kind: ratio, coefficient, percent, share, probability, bp, count, times."""
    return _PRINTERS[kind](value)


def estimate(value: Estimate | None, kind: str = "ratio") -> str:
    """An estimate with its interval: `0.91 [0.42, 1.38]`; the dash where there is none."""
    if value is None or is_missing(value.value):
        return MISSING
    middle = printed(value.value, kind)
    if is_missing(value.low) or is_missing(value.high):
        return middle
    return f"{middle} {interval(value, kind)}"


def interval(value: Estimate, kind: str = "ratio") -> str:
    """Only the interval: `[0.42, 1.38]`, units said once by the value before it."""
    low, high = (
        printed(v, kind).removesuffix(" %").removesuffix(" bp") for v in (value.low, value.high)
    )
    return f"[{low}, {high}]"


def money(value: float | None) -> Words:
    """CNY: `¥1,234,000`, in Chinese `123.4 万元`."""
    if value is None or not math.isfinite(value):
        return MISSING
    size = abs(value)
    minus = MINUS if value < 0 and round(size) else ""
    if size >= 1e8:
        chinese = f"{size / 1e8:,.2f} 亿元"
    elif size >= 1e4:
        chinese = f"{size / 1e4:,.1f} 万元"
    else:
        chinese = f"{size:,.0f} 元"
    return Text(f"{minus}¥{size:,.0f}", minus + chinese)


def duration(seconds: float | None) -> Words:
    """`3.2 s`, `27 s`, `12 min 03 s`, `1 h 05 min`."""
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    if seconds < 9.95:
        return Text(f"{seconds:.1f} s", f"{seconds:.1f} 秒")
    whole = round(seconds)
    if whole < 60:
        return Text(f"{whole} s", f"{whole} 秒")
    if whole < 3600:
        m, s = divmod(whole, 60)
        return Text(f"{m} min {s:02d} s", f"{m} 分 {s:02d} 秒")
    h, m = divmod(round(seconds / 60), 60)
    return Text(f"{h} h {m:02d} min", f"{h} 小时 {m:02d} 分")


def of(n: int | None, total: int | None) -> Words:
    """A count out of a whole: `2 of 1,240`."""
    if n is None or total is None:
        return MISSING
    return Text(f"{n:,} of {total:,}", f"{n:,} / {total:,}")


def clock(moment: str | None) -> str:
    """The time of an ISO moment with its zone: `21:34 +08:00`; without a zone it is refused."""
    return MISSING if not moment else _split(moment)[1]


def stamp(moment: str | None) -> str:
    """Date and time of an ISO moment with its zone: `2026-11-20 21:34 +08:00`."""
    return MISSING if not moment else " ".join(_split(moment))


def _split(moment: str) -> tuple[str, str]:
    from datetime import datetime

    parsed = datetime.fromisoformat(moment)
    if parsed.tzinfo is None:
        raise ValueError(f"time {moment!r} has no zone: write it like 2026-11-20T21:34:00+08:00")
    zone = parsed.strftime("%z")
    return parsed.strftime("%Y-%m-%d"), f"{parsed:%H:%M} {zone[:3]}:{zone[3:5]}"


def short_hash(value: str | None, digits: int = 12) -> str:
    """The first digits of a hash: enough to tell two apart, short enough to read aloud."""
    return value[:digits] if value else MISSING


def size(count: float | None) -> str:
    """Bytes in decimal units: `1.2 MB`."""
    if count is None or not math.isfinite(count):
        return MISSING
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            digits = 2 if count < 10 else 3
            return f"{integer(count) if unit == 'B' else significant(count, digits)} {unit}"
        count /= 1000
    return f"{significant(count)} TB"


def arrow(value: float | None) -> str:
    """`▲` for a gain, `▼` for a loss, nothing for neither: the sign besides the colour."""
    if value is None or not math.isfinite(value) or value == 0:
        return ""
    return "▲" if value > 0 else "▼"


def gain(fraction: float | None) -> str:
    """A gain or loss with arrow and sign: `▲ +12.3 %`."""
    text = percent(fraction)
    mark = arrow(fraction)
    return f"{mark} {text}" if mark else text
