"""Accounts of one stock by their trades alone: nothing is done for the days between.

A trace lists the days on which each parameter set's holding changes, a purchase and a sale in
turn. `figures` answers the time between from running sums and from tables of extremes; `daily`
adds the held days' returns to the exact sums of many stocks, which no table can shorten. Equal to
`accounts.streaming`: trades and sums to the bit, figures to rounding.

For m trading days of one stock, K parameter sets and T rows of the calendar:

    wanted    uint8 (K, m)    1 where the set wants to hold after the close
    days      uint16          trading days of all changes, one set after the other
    ends      int64 (K + 1)   where each set's changes begin in `days`; the last is the end
    others                    as in `accounts`
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tasks.arrays.compiling import kernel, step
from tasks.backtest.kernels.accounts import WHOLE
from tasks.backtest.kernels.outcomes import BOUGHT, HELD, SOLD

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Bytes = NDArray[np.uint8]
    Flags = NDArray[np.bool_]
    Whole = NDArray[np.int64]
    Counts = NDArray[np.int32]
    Days = NDArray[np.uint16]

# Indices are made unsigned where a loop is hot: numba then leaves out the test for negative ones
# and the compiler takes several days at once.
_BYTE = np.uint64(8)
_TOP_BYTE = np.uint64(56)
_NONE = np.uint64(0)
_ONE = np.uint64(1)
#: multiplied with a one in the lowest bit of byte i, it carries i to the highest byte
_PLACE = np.uint64(0x0001020304050607)


#: columns of `Room.entered`: return of the day of a purchase, sums up to its close, shares for 1
ENTERED_CHANGE, ENTERED_SUM, ENTERED_SQUARES, ENTERED_SHARES = 0, 1, 2, 3
#: columns of `Room.left`: sums up to the close before a sale, that close, growth of the sale's day
LEFT_SUM, LEFT_SQUARES, LEFT_CLOSE, LEFT_GROWTH = 0, 1, 2, 3


class Room(NamedTuple):
    """Where `figures` keeps what it looks up of a stock; used again for the next stock.

    What one purchase or sale needs lies side by side, so that it is one line of the cache.

    Any span of days is cut in two where its first and last day begin to differ as binary numbers:
    a table for each such bit knows what lies from each day to the cut. So a span takes two looks,
    whatever its length, and its parts do not overlap (overlapping ones would give wrong falls).

    Attributes:
        entered: (T, 4), see its columns.
        left: (T + 1, 4), likewise.
        bit_of: (2^bits,), the highest bit of each number, 0 for zero.
        ends: (bits, 2 T), highest and lowest close from each day to the cut, side by side.
        falls: (bits, T), worst ratio of a later to an earlier close among them.
    """

    entered: Array
    left: Array
    bit_of: Whole
    ends: Array
    falls: Array


def room(days: int) -> Room:
    """Room for stocks of at most so many trading days."""
    bits = max((days - 1).bit_length(), 1)
    bit_of = np.maximum(np.frexp(np.arange(1 << bits))[1] - 1, 0).astype(np.int64)
    return Room(
        np.empty((days, 4)), np.empty((days + 1, 4)), bit_of, np.empty((bits, 2 * days)),
        np.empty((bits, days)),
    )  # fmt: skip


@kernel
def run(
    wanted: Bytes, buyable: Flags, sellable: Flags, first: int, place: int, days: Days, ends: Whole,
    close: Array, growth: Array, room: Room, out: Array,
) -> int:  # fmt: skip
    """`trace` and, where `out` has rows, `figures` of a stock's accounts; returns the end."""
    place = trace(wanted, buyable, sellable, first, place, days, ends)
    if len(out):
        figures(days, ends, close, growth, room, out)
    return place


@kernel
def trace(
    wanted: Bytes, buyable: Flags, sellable: Flags, first: int, place: int, days: Days, ends: Whole
) -> int:
    """Write all changes of holdings to `days` from `place` on; returns where they end.

    A set that holds to the end is sold the day after the last, which no trade answers to.
    """
    sets, m = wanted.shape
    words = np.zeros(m // 8 + 2, dtype=np.uint64)
    held = words.view(np.uint8)
    blocked = np.flatnonzero(~(buyable & sellable))
    for k in range(sets):
        ends[k] = place
        _positions(wanted[k], buyable, sellable, blocked, first, held)
        place = _changes(words, days, place)
    ends[sets] = place
    return place


@kernel
def figures(days: Days, ends: Whole, close: Array, growth: Array, room: Room, out: Array) -> None:
    """Figures of each set, float64 (K, 5): see `accounts`."""
    m = len(close)
    entered, left, ends_of, bit_of = room.entered, room.left, room.ends, room.bit_of
    _look_up(close, growth, entered, left)
    _cut(close, room.ends, room.falls)
    for k in range(len(out)):
        equity, peak, worst, total, square = 1.0, 1.0, 1.0, 0.0, 0.0
        for i in range(ends[k], ends[k + 1], 2):
            bought, day = np.int64(days[i]), np.int64(days[i + 1])
            change = entered[bought, ENTERED_CHANGE]
            total += change + (left[day, LEFT_SUM] - entered[bought, ENTERED_SUM])
            between = left[day, LEFT_SQUARES] - entered[bought, ENTERED_SQUARES]
            square += change * change + between
            scale = equity * entered[bought, ENTERED_SHARES]
            last = day - 1
            bit = bit_of[bought ^ last]
            part = ends_of[bit]
            highest = scale * max(part[2 * bought], part[2 * last])
            lowest = scale * min(part[2 * bought + 1], part[2 * last + 1])
            # A fall inside the span cannot be worse than from its (or the former) top to its low.
            if lowest < worst * max(peak, highest):
                across = part[2 * last + 1] / part[2 * bought]
                inside = min(room.falls[bit, bought], room.falls[bit, last])
                worst = min(worst, lowest / peak, inside, across)
            peak = max(peak, highest)
            equity = scale * left[day, LEFT_CLOSE]
            if day < m:
                change = left[day, LEFT_GROWTH] - 1.0
                total += change
                square += change * change
                equity *= left[day, LEFT_GROWTH]
                peak = max(peak, equity)
                if equity < worst * peak:
                    worst = equity / peak
        out[k, 0], out[k, 1], out[k, 2], out[k, 3] = equity, total, square, worst
        out[k, 4] = (ends[k + 1] - ends[k]) // 2


@kernel
def daily(
    days: Days, ends: Whole, lengths: Whole, rows: Whole, whole: Whole, sums: Whole, buys: Counts,
    sells: Counts,
) -> None:  # fmt: skip
    """Add the days of a few stocks to the sums of every set: `sums`, `buys` and `sells` (K, T).

    Set by set, so that a set's row of sums stays in the cache while the stocks go by.

    Args:
        days: changes of all stocks.
        ends: (G, K + 1), of each stock.
        lengths: (G,), trading days of each stock.
        rows: (G, T), calendar row of each trading day.
        whole: (G, 3, T), see `outcomes.fixed_point`.
        sums: see `accounts`.
        buys: likewise.
        sells: likewise.
    """
    for k in range(len(sums)):
        total, all_buys, all_sells = sums[k], buys[k], sells[k]
        for g in range(len(lengths)):
            held = whole[g, HELD]
            for i in range(ends[g, k], ends[g, k + 1], 2):
                bought, day = np.int64(days[i]), np.int64(days[i + 1])
                start, stop = rows[g, bought], rows[g, day - 1] + 1
                total[start] += whole[g, BOUGHT, start]
                for row in range(start + 1, stop):
                    total[np.uint64(row)] += held[np.uint64(row)]
                all_buys[start] += WHOLE
                if day < lengths[g]:
                    sold = rows[g, day]
                    total[sold] += whole[g, SOLD, sold]
                    all_sells[sold] += WHOLE


@step
def _positions(
    wanted: Bytes, buyable: Flags, sellable: Flags, blocked: Whole, first: int, out: Bytes
) -> None:
    """Holdings after each day, 0 or 1: the wish of the day before, unless its order is blocked.

    A blocked order changes nothing; the wish of the next close is tried on the day after.
    """
    m = len(wanted)
    start = max(first, 1)
    for t in range(start):
        out[t] = 0
    later = out[start:]
    for t in range(m - start):  # counts from zero: the compiler then moves many bytes at once
        later[t] = wanted[t + start - 1]
    for t in range(m - start, len(later)):
        later[t] = 0
    for t in blocked:
        if t >= start and out[t] != out[t - 1] and not (buyable[t] if out[t] == 1 else sellable[t]):
            out[t] = out[t - 1]


@step
def _changes(words: NDArray[np.uint64], out: Days, place: int) -> int:
    """Write the days on which the holding changes, eight days at a glance; returns the end.

    The bytes of `words` are the holdings of consecutive days, zero after the last one: changes come
    in pairs of a purchase and a sale, the last sale perhaps the day after the last.
    """
    before = _NONE
    for w in range(len(words)):
        eight = words[w]
        changed = eight ^ ((eight << _BYTE) | before)
        before = eight >> _TOP_BYTE
        while changed != _NONE:
            lowest = changed & (~changed + _ONE)
            out[place] = np.uint16(_BYTE * np.uint64(w) + ((lowest * _PLACE) >> _TOP_BYTE))
            place += 1
            changed ^= lowest
    return place


@step
def _look_up(close: Array, growth: Array, entered: Array, left: Array) -> None:
    """Fill `Room.entered` and `Room.left`; sums are those of the held days' returns."""
    m = len(close)
    plain, squares = 0.0, 0.0
    for t in range(m):
        left[t, LEFT_SUM], left[t, LEFT_SQUARES] = plain, squares
        left[t, LEFT_CLOSE], left[t, LEFT_GROWTH] = close[max(t - 1, 0)], growth[SOLD, t]
        if t > 0:
            change = growth[HELD, t] - 1.0
            plain += change
            squares += change * change
        entered[t, ENTERED_CHANGE] = growth[BOUGHT, t] - 1.0
        entered[t, ENTERED_SUM], entered[t, ENTERED_SQUARES] = plain, squares
        entered[t, ENTERED_SHARES] = growth[BOUGHT, t] / close[t]
    left[m, LEFT_SUM], left[m, LEFT_SQUARES], left[m, LEFT_CLOSE] = plain, squares, close[m - 1]


@step
def _cut(close: Array, ends: Array, falls: Array) -> None:
    """Fill `Room.ends` and `Room.falls`."""
    m = len(close)
    for t in range(m):
        ends[0, 2 * t], ends[0, 2 * t + 1], falls[0, t] = close[t], close[t], 1.0
    bit = 1
    while (1 << bit) < m:
        half, high_low, fall = 1 << bit, ends[bit], falls[bit]
        for cut in range(half, m, 2 * half):
            top, bottom, worst = close[cut - 1], close[cut - 1], 1.0
            for i in range(half):
                t = cut - 1 - i
                top, bottom = max(top, close[t]), min(bottom, close[t])
                worst = min(worst, bottom / close[t])
                high_low[2 * t], high_low[2 * t + 1], fall[t] = top, bottom, worst
            top, bottom, worst = close[cut], close[cut], 1.0
            for t in range(cut, min(cut + half, m)):
                top, bottom = max(top, close[t]), min(bottom, close[t])
                worst = min(worst, close[t] / top)
                high_low[2 * t], high_low[2 * t + 1], fall[t] = top, bottom, worst
        bit += 1
