"""Accounts of one stock by their trades alone: nothing is done for the days between.

A trace lists the days on which each parameter set's holding changes, a purchase and a sale in
turn. `figures` answers the time between from running sums and from tables of extremes; `daily`
adds the held days' returns to the exact sums of many stocks, which no table can shorten. Equal to
`accounts.streaming`: trades and sums to the bit, figures to rounding.

For m trading days of one stock, K parameter sets and T rows of the calendar:

    wanted    uint64 (K, words)  days after whose close the set wants to hold, see `bits`
    days      uint16          trading days of all changes, one set after the other
    ends      int64 (K + 1)   where each set's changes begin in `days`; the last is the end
    others                    as in `accounts`
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tasks.arrays.compiling import kernel, step
from tasks.backtest.kernels.accounts import WHOLE
from tasks.backtest.kernels.bits import SHIFT, WORD, clear, is_set
from tasks.backtest.kernels.outcomes import BOUGHT, HELD, SOLD

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Whole = NDArray[np.int64]
    Counts = NDArray[np.int32]
    Days = NDArray[np.uint16]
    Words = NDArray[np.uint64]

_NONE, _ONE, _LAST = np.uint64(0), np.uint64(1), np.uint64(WORD - 1)
#: a word with one bit, times this, has the bit's place as its highest six bits say in `_PLACES`: no
#: two of the constant's runs of six bits are the same (a sequence of de Bruijn)
_RUNS = np.uint64(0x03F79D71B4CB0A89)
_HIGHEST_SIX = np.uint64(58)
_PLACES = np.zeros(WORD, dtype=np.uint16)
_PLACES[[((int(_RUNS) << bit) % 2**64) >> 58 for bit in range(WORD)]] = np.arange(WORD)


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
    wanted: Words, buyable: Flags, sellable: Flags, first: int, place: int, days: Days, ends: Whole,
    close: Array, growth: Array, room: Room, out: Array,
) -> int:  # fmt: skip
    """`trace` and, where `out` has rows, `figures` of a stock's accounts; returns the end."""
    place = trace(wanted, buyable, sellable, first, place, days, ends)
    if len(out):
        figures(days, ends, close, growth, room, out)
    return place


@kernel
def trace(
    wanted: Words, buyable: Flags, sellable: Flags, first: int, place: int, days: Days, ends: Whole
) -> int:
    """Write all changes of holdings to `days` from `place` on; returns where they end.

    A set that holds to the end is sold the day after the last, which no trade answers to.
    """
    sets, words = wanted.shape
    held = np.empty(words + 1, dtype=np.uint64)
    blocked = np.flatnonzero(~(buyable & sellable))
    for k in range(sets):
        ends[k] = place
        _positions(wanted[k], buyable, sellable, blocked, first, held)
        place = _changes(held, days, place)
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
    wanted: Words, buyable: Flags, sellable: Flags, blocked: Whole, first: int, out: Words
) -> None:
    """Bits of what is held after each day: the wish of the day before, unless its order is blocked.

    A blocked order changes nothing; the wish of the next close is tried on the day after. There is
    one more word than wishes have, so that it has a bit for the day after the last, never set.
    """
    m, carried = len(buyable), _NONE
    for w in range(len(wanted)):
        out[w] = (wanted[w] << _ONE) | carried
        carried = wanted[w] >> _LAST
    out[len(wanted)] = _NONE
    start = max(first, 1)
    clear(out, 0, min(start, m))
    if m < WORD * len(wanted):
        clear(out, m, m + 1)
    for t in blocked:
        held = is_set(out, t - 1) if t >= start else False
        if t >= start and is_set(out, t) != held and not (sellable[t] if held else buyable[t]):
            out[t >> SHIFT] ^= _ONE << np.uint64(t & (WORD - 1))


@step
def _changes(held: Words, out: Days, place: int) -> int:
    """Write the days on which the holding changes, a word at a glance; returns the end.

    Changes come in pairs of a purchase and a sale, the last sale perhaps the day after the last.
    """
    before = _NONE
    for w in range(len(held)):
        word = held[w]
        changed = word ^ ((word << _ONE) | before)
        before = word >> _LAST
        start = np.uint16(WORD * w)
        while changed != _NONE:
            lowest = changed & (~changed + _ONE)
            out[place] = start + _PLACES[(lowest * _RUNS) >> _HIGHEST_SIX]
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
