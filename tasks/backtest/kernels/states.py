"""From indicator tables to wishes: a bit where a parameter set wants to hold after the day's close.

See `bits`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import end_lane, first_lane, kernel, step
from tasks.backtest.kernels.bits import SHIFT, WORD, put, toggled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Index = NDArray[np.int64]
    Words = NDArray[np.uint64]

_NONE = np.uint64(0)


@kernel
def macd(
    table: Array, fast: Index, slow: Index, windows: Index, signal: Index, close: Array,
    band: float, out: Words,
) -> None:  # fmt: skip
    """Hold while the difference of two averages lies above its own exponential mean.

    The mean of a day waits for that of the day before, so a processor computes four sets at a time.

    Args:
        table: exponential averages (W, m); `windows` names their lengths.
        fast: row of the fast average for each set, (K,).
        slow: row of the slow one.
        windows: (W,).
        signal: length of the mean of the difference, (K,).
        close: (m,).
        band: smallest difference that counts, fraction of the close.
        out: (K, words).
    """
    m, stop = table.shape[1], end_lane(len(fast))
    k = first_lane(len(fast))
    while k < stop:
        together = 4 if k + 4 <= stop else 1
        begin = 0
        for j in range(k, k + together):
            begin = max(begin, max(windows[fast[j]], windows[slow[j]]) - 1 + signal[j])
        begin = min(begin, m)
        a = _first_means(table, fast[k], slow[k], windows, signal[k], close, band, begin, out[k])
        if together == 4:
            i, j, n = k + 1, k + 2, k + 3
            b = _first_means(
                table, fast[i], slow[i], windows, signal[i], close, band, begin, out[i]
            )
            c = _first_means(
                table, fast[j], slow[j], windows, signal[j], close, band, begin, out[j]
            )
            d = _first_means(
                table, fast[n], slow[n], windows, signal[n], close, band, begin, out[n]
            )
            _four_means(
                table, fast[k:], slow[k:], signal[k:], a, b, c, d, close, band, begin, out[k:]
            )
        else:
            upper, lower, share = table[fast[k]], table[slow[k]], 2.0 / (signal[k] + 1.0)
            for t in range(begin, m):
                line = upper[t] - lower[t]
                a += share * (line - a)
                put(out[k], t, line - a > band * close[t])
        k += together


@step
def _first_means(
    table: Array, fast: int, slow: int, windows: Index, n: int, close: Array, band: float,
    stop: int, out: Words,
) -> float:  # fmt: skip
    """The days of one set before `stop`; returns the mean of the difference after them.

    No later day's bit is left set.
    """
    for w in range(len(out)):
        out[w] = _NONE
    upper, lower = table[fast], table[slow]
    start = max(windows[fast], windows[slow]) - 1
    mean, share = 0.0, 2.0 / (n + 1.0)
    for t in range(start, stop):
        line = upper[t] - lower[t]
        if t < start + n:
            mean += line / n
        else:
            mean += share * (line - mean)
        if t >= start + n - 1:
            put(out, t, line - mean > band * close[t])
    return mean


@step
def _four_means(
    table: Array, fast: Index, slow: Index, signal: Index, a: float, b: float, c: float, d: float,
    close: Array, band: float, begin: int, out: Words,
) -> None:  # fmt: skip
    """The days from `begin` on of four sets whose means have begun."""
    upper_a, upper_b, upper_c, upper_d = (
        table[fast[0]], table[fast[1]], table[fast[2]], table[fast[3]],
    )  # fmt: skip
    lower_a, lower_b, lower_c, lower_d = (
        table[slow[0]], table[slow[1]], table[slow[2]], table[slow[3]],
    )  # fmt: skip
    share_a, share_b = 2.0 / (signal[0] + 1.0), 2.0 / (signal[1] + 1.0)
    share_c, share_d = 2.0 / (signal[2] + 1.0), 2.0 / (signal[3] + 1.0)
    out_a, out_b, out_c, out_d = out[0], out[1], out[2], out[3]
    for w in range(begin >> SHIFT, len(out_a)):
        word_a, word_b, word_c, word_d = out_a[w], out_b[w], out_c[w], out_d[w]
        for t in range(max(begin, WORD * w), min(WORD * w + WORD, len(close))):
            line_a, line_b = upper_a[t] - lower_a[t], upper_b[t] - lower_b[t]
            line_c, line_d = upper_c[t] - lower_c[t], upper_d[t] - lower_d[t]
            a += share_a * (line_a - a)
            b += share_b * (line_b - b)
            c += share_c * (line_c - c)
            d += share_d * (line_d - d)
            least, place = band * close[t], np.uint64(t & (WORD - 1))
            word_a |= np.uint64(line_a - a > least) << place
            word_b |= np.uint64(line_b - b > least) << place
            word_c |= np.uint64(line_c - c > least) << place
            word_d |= np.uint64(line_d - d > least) << place
        out_a[w], out_b[w], out_c[w], out_d[w] = word_a, word_b, word_c, word_d


@kernel
def ranked(
    scores: Array, row: Index, start: int, every: Index, levels: Array, traded: Index, days: int,
    out: Words,
) -> None:  # fmt: skip
    """Hold from one ranking to the next if the score reached the level of the ranking.

    Args:
        scores: (U, T), of one stock on the calendar; NaN: not ranked, as on days without trading.
        row: row of `scores` for each set, (K,).
        start: calendar row of the first ranking.
        every: rows from one ranking to the next, (K,).
        levels: (K, J), lowest score that each ranking chose.
        traded: number of the first trading day on or after each calendar row, (T,).
        days: the stock's trading days, m.
        out: (K, words), of them.
    """
    for k in range(first_lane(len(row)), end_lane(len(row))):
        bits, one, least = out[k], scores[row[k]], levels[k]
        for w in range(len(bits)):
            bits[w] = _NONE
        # Changes of the wish first, as bits: no processor guesses them, so nothing branches on one.
        before, day, number = _NONE, start, 0
        while day < len(traded):
            wish, t = np.uint64(one[day] >= least[number]), traded[day]
            if t < days:
                bits[t >> SHIFT] ^= (wish ^ before) << np.uint64(t & (WORD - 1))
            before = wish
            day += every[k]
            number += 1
        toggled(bits, days)


@kernel
def following(rows: Index, days: int) -> Index:
    """Number of the first trading day on or after each row of the calendar, (days,)."""
    out, t = np.empty(days, dtype=np.int64), 0
    for day in range(days):
        while t < len(rows) and rows[t] < day:
            t += 1
        out[day] = t
    return out


@kernel
def placed(table: Array, row: Index, rows: Index, days: Index, stock: int, out: Array) -> None:
    """Write one stock's scores on some days of the calendar, where it trades on them.

    Args:
        table: (U, m), of its trading days.
        row: row of `table` for each set, (K,).
        rows: calendar row of each trading day, ascending, (m,).
        days: rows of the calendar, ascending, (R,).
        stock: its column.
        out: (K, R, N).
    """
    t = 0
    for r in range(len(days)):
        while t < len(rows) and rows[t] < days[r]:
            t += 1
        if t < len(rows) and rows[t] == days[r]:
            for k in range(len(row)):
                out[k, r, stock] = table[row[k], t]


@kernel
def borders(
    ordered: Array, ranked: Index, place: Index, start: int, every: Index, share: Array,
    out: Array,
) -> None:  # fmt: skip
    """Lowest chosen score of every ranking of some sets that share their scores.

    Args:
        ordered: scores of each day with a ranking, ascending, NaN last, (R, N).
        ranked: how many of them are known, (R,).
        place: row of `ordered` of each row of the calendar, (T,).
        start: calendar row of the first ranking.
        every: rows from one ranking to the next, (K,).
        share: of the ranked stocks that is chosen, fraction, (K,).
        out: (K, J), what lies behind a set's last ranking is left; infinite where none is ranked.
    """
    for k in range(len(every)):
        for number in range(-(-(len(place) - start) // every[k])):
            row = place[start + number * every[k]]
            chosen = max(np.int64(np.floor(ranked[row] * share[k] + 0.5)), 1)
            known = ranked[row] > 0
            out[k, number] = ordered[row, ranked[row] - chosen] if known else np.inf


@kernel
def enter_leave(enter: Array, leave: Array, out: Array) -> None:
    """Hold from a positive `enter` until a positive `leave`, which wins; NaN decides nothing.

    All three (T, N); `out` becomes 1 or 0.
    """
    days, count = enter.shape
    held = np.zeros(count)
    for t in range(days):
        for n in range(count):
            if leave[t, n] > 0.0:
                held[n] = 0.0
            elif enter[t, n] > 0.0:
                held[n] = 1.0
            out[t, n] = held[n]
