"""The arithmetic of the anomaly detector: one pass over the ticks of a snapshot.

`state` is (6, N): per symbol the last log price (NaN: none), the slow, the fast and the base
variance of log returns, the number of returns seen, and the ticks until it may alarm again.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tasks.arrays.compiling import kernel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Columns = NDArray[np.intp]
    Flags = NDArray[np.bool_]

LAST, SLOW, FAST, BASE, COUNT, QUIET = range(6)


@kernel
def take_prices(
    columns: Columns, prices: Array, fresh: Flags, state: Array, returns: Array
) -> None:
    """Log returns of ticks into `returns`, and the ticks' prices into the state.

    A return is NaN without a price before, after a break, and for a price that is not positive
    and finite, which leaves the last price alone.

    Args:
        columns: (n,) column of each tick's symbol.
        prices: (n,) CNY.
        fresh: (n,) whether the return across this tick is not to be scored.
        state: (6, N), changed.
        returns: (n,), written.
    """
    for i in range(columns.shape[0]):
        column = columns[i]
        price = prices[i]
        if not (price > 0.0 and price < math.inf):
            returns[i] = math.nan
            continue
        log = math.log(price)
        returns[i] = math.nan if fresh[i] else log - state[LAST, column]
        state[LAST, column] = log


@kernel
def score(
    columns: Columns,
    returns: Array,
    prices: Array,
    state: Array,
    limits: Array,
    memory: Array,
    scores: Array,
    alarms: Flags,
) -> None:
    """Scores and alarms of returns; the variances move towards the winsorised returns.

    Args:
        columns: (n,) column of each tick's symbol.
        returns: (n,) log returns, NaN for none.
        prices: (n,) CNY; one that is not positive and finite alarms.
        state: (6, N), changed.
        limits: warm-up in returns, threshold in deviations, ticks of calm that arm again.
        memory: (3, 3), for the slow, fast and base variance: weight of a new return, the bound in
            deviations at which returns are cut, and the share of variance that is left then.
        scores: (n,), written: returns in deviations, NaN if not scored.
        alarms: (n,), written.
    """
    warmup, threshold, calm = limits[0], limits[1], limits[2]
    for i in range(columns.shape[0]):
        column = columns[i]
        size = abs(returns[i])
        count = state[COUNT, column]
        deviation = math.sqrt(state[SLOW, column])
        scores[i] = math.nan
        loud = not (prices[i] > 0.0 and prices[i] < math.inf)
        if not loud and count >= warmup:
            scores[i] = returns[i] / deviation
            loud = size > threshold * deviation
        alarms[i] = loud and state[QUIET, column] == 0.0
        state[QUIET, column] = calm if loud else max(state[QUIET, column] - 1.0, 0.0)
        if math.isnan(size):
            continue
        for k in range(3):
            square, weight = size * size, max(memory[k, 0], 1.0 / (count + 1.0))
            if count >= warmup:
                if deviation > 0.0:
                    square = min(size, memory[k, 1] * deviation) ** 2
                square /= memory[k, 2]
            state[SLOW + k, column] += weight * (square - state[SLOW + k, column])
        state[COUNT, column] = count + 1.0
