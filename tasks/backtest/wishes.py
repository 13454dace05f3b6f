"""Accounts of a rule that looks at all stocks at once, such as a user's own."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from tasks.backtest.combinations import Combinations
from tasks.backtest.kernels.bits import packed
from tasks.backtest.scoring import Scores, Terms, Traces
from tasks.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.data.panel import Panel

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]

#: cells of wishes that are kept at a time
_CELLS = 2**25
#: smallest change of a fraction that is worth a trade, part of the account: what only drifts with
#: the price is left alone
STEP = 0.05


def score_wishes(
    scores: Scores, terms: Terms, bars: Panel, sets: Combinations, member: Flags
) -> dict[int, str]:
    """Every set on every stock; the errors of the sets that have no wishes, by their numbers."""
    wishes = sets.family.wishes
    assert wishes is not None
    errors: dict[int, str] = {}
    size = max(1, _CELLS // max(1, member.size))
    for start in range(0, len(sets), size):
        cut = slice(start, min(start + size, len(sets)))
        part = sets[cut]
        found = wishes(bars, member, part.values, terms.first)
        grids = []
        for number, grid in zip(part.numbers, found, strict=True):
            if isinstance(grid, UserError):
                errors[int(number)] = _line(str(grid))
                grids.append(np.zeros(member.shape))
            else:
                grids.append(np.where(member, grid, 0.0))
        _run(scores, terms, np.stack(grids), start)
    return errors


def _line(message: str) -> str:
    """A message as a row of a table holds it: one line, and no mark under another."""
    return " ".join(word for word in message.split() if word.strip("^"))


def _run(scores: Scores, terms: Terms, grids: Array, start: int) -> None:
    """Wishes (k, T, N) of the sets from `start` on; those with fractions one by one."""
    whole = ((grids == 0.0) | (grids == 1.0)).all(axis=(1, 2))
    edges = [0, *(np.flatnonzero(np.diff(whole)) + 1), len(grids)]
    for low, high in itertools.pairwise(edges):
        cut = slice(start + int(low), start + int(high))
        part = np.ascontiguousarray(grids[low:high].transpose(2, 0, 1))
        if whole[low]:
            _run_whole(scores, terms, part == 1.0, cut)
        else:
            steps = np.full(high - low, STEP)
            for stock in scores.stocks():
                wanted = np.ascontiguousarray(part[stock.number][:, stock.rows])
                scores.partial(stock, wanted, steps, cut)


def _run_whole(scores: Scores, terms: Terms, wanted: Flags, cut: slice) -> None:
    days = wanted.shape[2]
    traces = Traces(scores, terms, days, cut, wanted.shape[1])
    for stock in scores.stocks():
        one = packed(wanted[stock.number][:, stock.rows])
        if terms.design == "streaming":
            scores.streaming(stock, one, cut)
        else:
            traces.add(stock, one)
    traces.flush()
