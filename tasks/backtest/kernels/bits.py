"""Days as bits, sixty-four to a word: where a value lies beyond a limit, and what is held.

Bit t % 64 of word t // 64 is day t; bits behind the last day are zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import end_lane, first_lane, kernel, step

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Index = NDArray[np.int64]
    Words = NDArray[np.uint64]

#: days of a word, and its binary logarithm: of a day t, word t >> SHIFT and bit t % WORD
SHIFT = 6
WORD = 1 << SHIFT
_NONE, _ONE, _LAST = np.uint64(0), np.uint64(1), np.uint64(63)
_ALL = np.uint64(2**64 - 1)


def words(days: int) -> int:
    """Words for so many days."""
    return -(-days // WORD)


def packed(flags: Flags) -> Words:
    """Flags (..., m) as words (..., words)."""
    eights = np.packbits(flags, axis=-1, bitorder="little")
    short = 8 * words(flags.shape[-1]) - eights.shape[-1]
    padded = np.pad(eights, [(0, 0)] * (flags.ndim - 1) + [(0, short)])
    return np.ascontiguousarray(padded).view("<u8").astype(np.uint64, copy=False)


def unpacked(found: Words, days: int) -> Flags:
    """Words (..., words) as flags (..., days)."""
    eights = np.ascontiguousarray(found, dtype="<u8").view(np.uint8)
    return np.unpackbits(eights, axis=-1, count=days, bitorder="little").astype(np.bool_)


@step
def is_set(row: Words, day: int) -> bool:
    """Whether a day's bit is set."""
    return bool((row[day >> SHIFT] >> np.uint64(day & (WORD - 1))) & _ONE)


@step
def put(row: Words, day: int, flag: bool) -> None:
    """Set a day's bit, which must be zero."""
    row[day >> SHIFT] |= np.uint64(flag) << np.uint64(day & (WORD - 1))


@step
def toggled(row: Words, days: int) -> None:
    """Turn bits of changes into bits of what holds from each change to the next, in place."""
    before = _NONE
    for w in range(len(row)):
        word = row[w]
        for doubling in range(SHIFT):
            word ^= word << np.uint64(1 << doubling)
        row[w] = word ^ before
        before = _NONE - (row[w] >> _LAST)
    clear(row, days, WORD * len(row))


@step
def clear(row: Words, start: int, stop: int) -> None:
    """Clear the bits of the days from `start` to `stop` - 1."""
    for w in range(start >> SHIFT, (stop + WORD - 1) >> SHIFT):
        row[w] &= ~_between(w, start, stop)


@step
def _between(w: int, start: int, stop: int) -> np.uint64:
    """The bits of word w that are days from `start` to `stop` - 1."""
    before, behind = max(start - WORD * w, 0), max(WORD * w + WORD - stop, 0)
    return (_ALL << np.uint64(before)) & (_ALL >> np.uint64(behind))


@kernel
def crossed(table: Array, row: Index, limit: Array, sign: float, out: Words) -> None:
    """One bit a day, sixty-four to a word: whether a value lies beyond a limit.

    Args:
        table: (U, m).
        row: row of `table`, (C,).
        limit: (C,).
        sign: 1: above; -1: below. NaN is neither.
        out: (C, words), bits behind the last day are zero.
    """
    m = table.shape[1]
    for c in range(first_lane(len(row)), end_lane(len(row))):
        values, bound = table[row[c]], sign * limit[c]
        for w in range(out.shape[1]):
            part, word = values[WORD * w : min(WORD * w + WORD, m)], _NONE
            for i in range(len(part)):
                word |= np.uint64(sign * part[i] > bound) << np.uint64(i)
            out[c, w] = word


@kernel
def outside(close: Array, table: Array, sign: float, out: Words) -> None:
    """The same for closes beyond each row of a table: bits (W, words)."""
    m = len(close)
    for c in range(first_lane(len(table)), end_lane(len(table))):
        for w in range(out.shape[1]):
            stop = min(WORD * w + WORD, m)
            part, bound, word = close[WORD * w : stop], table[c, WORD * w : stop], _NONE
            for i in range(len(part)):
                word |= np.uint64(sign * part[i] > sign * bound[i]) << np.uint64(i)
            out[c, w] = word


@kernel
def latched(begin: Words, first: Index, end: Words, second: Index, days: int, out: Words) -> None:
    """Hold from a day on which the first bit is set until one with the second alone.

    Sixty-four days at once: what is held after a day is what is carried out of its bit when the
    beginnings are added to the days that hand on what is held.

    Args:
        begin: bits (C, words) of which row `first[k]` is set k's.
        first: (K,).
        end: bits (D, words) of which row `second[k]` is set k's.
        second: (K,).
        days: m.
        out: (K, words).
    """
    tail = _ALL >> np.uint64(WORD * out.shape[1] - days)
    for k in range(first_lane(len(first)), end_lane(len(first))):
        starts, stops, row = begin[first[k]], end[second[k]], out[k]
        held = _NONE
        for w in range(len(starts)):
            on = starts[w] | ~stops[w]
            held = starts[w] | (on & ~(on + starts[w] + (held >> _LAST)))
            row[w] = held
        row[len(starts) - 1] &= tail
