"""Window operators on a calendar tile: each picks its kernel and the scratch it needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.indicators.kernels.windows import extremes, lines, order, pairs, spread, sums, weights

if TYPE_CHECKING:
    from tasks.indicators.expressions.tiles import CalendarTile
    from tasks.indicators.lanes import Array

#: Qlib takes a standard deviation this small for zero (numpy.isclose with atol=2e-05)
NEARLY_FLAT = 2e-5
#: what comes of one line through a window, in the kernel's order
LINE = ("Slope", "line square", "Resi")
#: what comes of the powers of a window's values, likewise
SHAPE = ("Skew", "Kurt")


def ref(tile: CalendarTile, x: Array, days: int) -> Array:
    """Value of `days` rows ago; with 0 that of the first listed row."""
    return tile.run(weights.moved, x, tile.listed, days)


def delta(tile: CalendarTile, x: Array, days: int) -> Array:
    """Value less that of `days` rows ago; with 0 less that of the first listed row."""
    earlier = ref(tile, x, days)
    return np.subtract(x, earlier, out=earlier)


def mean(tile: CalendarTile, x: Array, days: int) -> Array:
    """Mean of the window."""
    return _sum(tile, x, days, sums.MEAN)


def total(tile: CalendarTile, x: Array, days: int) -> Array:
    """Sum of the window."""
    return _sum(tile, x, days, sums.SUM)


def count(tile: CalendarTile, x: Array, days: int) -> Array:
    """Number of known values in the window, infinite ones among them."""
    return _sum(tile, x, days, sums.COUNT)


def _sum(tile: CalendarTile, x: Array, days: int, what: int) -> Array:
    n = tile.window(days)
    return tile.run(sums.window_sum, x, n, what, state=2 * n + 4)


def var(tile: CalendarTile, x: Array, days: int) -> Array:
    """Sample variance (n - 1) of the window."""
    return _variance(tile, x, days, False)


def std(tile: CalendarTile, x: Array, days: int) -> Array:
    """Sample standard deviation of the window."""
    return _variance(tile, x, days, True)


def _variance(tile: CalendarTile, x: Array, days: int, root: bool) -> Array:
    n = tile.window(days)
    return tile.run(spread.window_variance, x, n, root, state=3 * n + 8)


def shapes_of(
    tile: CalendarTile, x: Array, days: int, names: Sequence[str], _: Sequence[float]
) -> list[Array]:
    """Of the window's shape: bias-corrected skewness, excess kurtosis."""
    n = tile.window(days)
    return _wanted(SHAPE, names, tile, spread.window_shape, x, n, state=5 * n + 12)


def deviation(tile: CalendarTile, x: Array, days: int) -> Array:
    """Mean absolute deviation of the window."""
    n = tile.window(days)
    return tile.run(spread.window_deviation, x, n, state=n + 6)


def highest(tile: CalendarTile, x: Array, days: int) -> Array:
    """Highest value of the window."""
    n = tile.window(days)
    return tile.run(extremes.window_highest, x, n, 1.0, state=n + 2)


def lowest(tile: CalendarTile, x: Array, days: int) -> Array:
    """Lowest value of the window."""
    n = tile.window(days)
    return tile.run(extremes.window_highest, x, n, -1.0, state=n + 2)


def place_of_highest(tile: CalendarTile, x: Array, days: int) -> Array:
    """Place of the highest value in the window, 1 for its oldest row."""
    n = tile.window(days)
    return tile.run(extremes.window_position, x, tile.listed, n, 1.0, state=2 * n + 6)


def place_of_lowest(tile: CalendarTile, x: Array, days: int) -> Array:
    """Place of the lowest value in the window, 1 for its oldest row."""
    n = tile.window(days)
    return tile.run(extremes.window_position, x, tile.listed, n, -1.0, state=2 * n + 6)


def quantiles_of(
    tile: CalendarTile, x: Array, days: int, names: Sequence[str], shares: Sequence[float]
) -> list[Array]:
    """Quantiles of the window, interpolated linearly; one (T, L) each, from one sorted window."""
    n = tile.window(days)
    found = tile.pool.take(len(names) * tile.rows, tile.lanes)
    out = found.reshape(len(names), tile.rows, tile.lanes)
    sought = tile.bench.enter(np.array(shares))
    tile.bench.call(order.window_quantiles, tile.lanes, x, n, sought, out, tile.scratch(n + 8))
    each = [tile.new() for _ in names]
    for kept, values in zip(each, out, strict=True):
        kept[:] = values
    tile.pool.give(found)
    return each


def rank(tile: CalendarTile, x: Array, days: int) -> Array:
    """Rank of the newest value in the window over its count, in (0, 1]."""
    n = tile.window(days)
    return tile.run(order.window_rank, x, n, state=n + 5)


def lines_of(
    tile: CalendarTile, x: Array, days: int, names: Sequence[str], _: Sequence[float]
) -> list[Array]:
    """Of the line through the window: slope per row, squared correlation with time, residual."""
    n = tile.window(days)
    return _wanted(LINE, names, tile, lines.window_line, x, n, state=6 * n + 14)


def _wanted(
    given: Sequence[str],
    names: Sequence[str],
    tile: CalendarTile,
    kernel: Any,
    *arguments: Any,
    state: int,
) -> list[Array]:
    """The named ones of all that a kernel gives."""
    found = tile.run_many(len(given), kernel, *arguments, state=state)
    for name, values in zip(given, found, strict=True):
        if name not in names:
            tile.pool.give(values)
    return [found[given.index(name)] for name in names]


def known_spread(tile: CalendarTile, r: Array, spread_of_x: Array, spread_of_y: Array) -> Array:
    """A correlation where neither side is nearly flat, else NaN."""
    return tile.run(pairs.known_spread, r, spread_of_x, spread_of_y, NEARLY_FLAT)


def weighted(tile: CalendarTile, x: Array, days: int) -> Array:
    """Qlib's WMA of the window."""
    return tile.run(weights.window_linear, x, tile.listed, tile.window(days), state=2)


def exponential(tile: CalendarTile, x: Array, days: float) -> Array:
    """Exponential mean with a span of `days`, or the weight itself if it is below 1; 0 grows."""
    if days == 0:
        return tile.run(weights.expanding_exponential, x, tile.listed, state=3)
    alpha = days if days < 1 else 2.0 / (days + 1.0)
    return tile.run(weights.exponential, x, alpha, state=2)


def covariance(tile: CalendarTile, x: Array, y: Array, days: int) -> Array:
    """Sample covariance over the window's rows that have both values."""
    n = tile.window(days)
    return tile.run(pairs.window_pair, x, y, n, False, state=6 * n + 16)


def correlation(
    tile: CalendarTile, x: Array, y: Array, spread_of_x: Array, spread_of_y: Array, days: int
) -> Array:
    """Correlation over the window's rows that have both; NaN where one side is nearly flat."""
    n = tile.window(days)
    r = tile.run(pairs.window_pair, x, y, n, True, state=6 * n + 16)
    known = known_spread(tile, r, spread_of_x, spread_of_y)
    tile.pool.give(r)
    return known
