"""The slow, obvious reading of an expression: a tree walked column by column, window by window.

A tree is a field's name (`close`), a number, or `(operator, argument, ...)`; `text` writes it in
the language and `value` computes it on grids (T, N). Rules are Qlib's, see
`tasks.indicators.expressions`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray

SIGNS = {
    "Add": "+", "Sub": "-", "Mul": "*", "Div": "/", "Power": "**", "And": "&", "Or": "|",
    "Gt": ">", "Ge": ">=", "Lt": "<", "Le": "<=", "Eq": "==", "Ne": "!=",
}  # fmt: skip


def text(tree: Any, infix: Callable[[], bool]) -> str:
    """The tree in the language; `infix` says of each sign whether it stands between."""
    if isinstance(tree, str):
        return f"${tree}"
    if isinstance(tree, (int, float)):
        return repr(tree)
    name, *arguments = tree
    words = [text(a, infix) for a in arguments]
    if name in SIGNS and infix():
        return f"({words[0]} {SIGNS[name]} {words[1]})"
    return f"{name}({', '.join(words)})"


def value(tree: Any, fields: dict[str, Array]) -> tuple[Array, float]:
    """The tree's grid, NaN before each column's first price; and the largest number on the way."""
    known = ~np.isnan(fields["close"])
    listed = np.where(known.any(axis=0), known.argmax(axis=0), len(known))
    seen: list[float] = []

    def walk(tree: Any) -> Any:
        if isinstance(tree, (int, float)):
            return tree
        found = fields[tree] if isinstance(tree, str) else apply(*tree)
        finite = np.abs(found[np.isfinite(found)])
        seen.append(float(finite.max()) if len(finite) else 0.0)
        return found

    def apply(name: str, *arguments: Any) -> Array:
        values = [walk(a) for a in arguments]
        if name in ACROSS:
            return across(ACROSS[name], *values)
        out = np.full(known.shape, np.nan)
        for j, first in enumerate(listed):
            own = [v[first:, j] if isinstance(v, np.ndarray) else v for v in values]
            if first < len(known):
                out[first:, j] = (WINDOWS.get(name) or ELEMENTS[name])(*own)
        return out

    with np.errstate(all="ignore"):
        return walk(tree), max(seen)


def finite(x: Array) -> Array:
    """Windows leave infinite values out."""
    return np.where(np.isfinite(x), x, np.nan)


def each(function: Callable[..., float]) -> Callable[..., Array]:
    """A function of one window, its missing values and all."""

    def compute(x: Array, n: int, *more: float) -> Array:
        values = finite(x)
        starts = [0 if n == 0 else max(0, t - n + 1) for t in range(len(x))]
        return np.array([function(values[s : t + 1], *more) for t, s in enumerate(starts)])

    return compute


def count(x: Array, n: int) -> Array:
    """Known values of each window, infinite ones among them, as pandas counts."""
    return each(lambda window: float(window.sum()))(np.where(np.isnan(x), 0.0, 1.0), n)


def known(least: int, function: Callable[..., float]) -> Callable[..., Array]:
    """A function of a window's known values, if there are at least so many."""

    def one(window: Array, *more: float) -> float:
        values = window[~np.isnan(window)]
        return function(values, *more) if len(values) >= least else np.nan

    return each(one)


def flat(window: Array) -> bool:
    """Qlib takes a deviation this small for zero."""
    values = window[~np.isnan(window)]
    return len(values) > 1 and bool(values.std(ddof=1) <= 2e-5)


def line(window: Array) -> tuple[float, float, float]:
    """Slope, squared correlation and newest residual."""
    at = np.flatnonzero(~np.isnan(window)).astype(float)
    y = window[~np.isnan(window)]
    if len(y) < 2:
        return (np.nan,) * 3
    dx, dy = at - at.mean(), y - y.mean()
    slope = (dx * dy).sum() / (dx * dx).sum()
    square = (dx * dy).sum() ** 2 / (dx * dx).sum() / (dy * dy).sum()
    rest = window[-1] - (y.mean() + slope * (len(window) - 1 - at.mean()))
    return slope, np.nan if flat(window) else square, rest


def pairs(x: Array, y: Array, n: int, scaled: bool) -> Array:
    """Covariance or correlation over rows that have both."""
    out = np.full(len(x), np.nan)
    for t in range(len(x)):
        rows = slice(0 if n == 0 else max(0, t - n + 1), t + 1)
        a, b = finite(x[rows]), finite(y[rows])
        both = ~np.isnan(a) & ~np.isnan(b)
        if both.sum() < 2 or (scaled and (flat(a) or flat(b))):
            continue
        u, v = a[both] - a[both].mean(), b[both] - b[both].mean()
        if not scaled:
            out[t] = (u * v).sum() / (both.sum() - 1)
        elif np.ptp(a[both]) > 0 and np.ptp(b[both]) > 0:
            out[t] = (u * v).sum() / np.sqrt((u * u).sum() * (v * v).sum())
    return out


def position(sign: float) -> Callable[[Array], float]:
    """As numpy's argmax: a missing value comes before any number."""
    return lambda w: np.nan if np.isnan(w).all() else float(np.argmax(w * sign) + 1)


def wma(window: Array) -> float:
    weights = np.arange(len(window)) + 1.0
    values = (weights / weights.sum() * window)[~np.isnan(window)]
    return float(values.mean()) if len(values) else np.nan


def rank(window: Array) -> float:
    if np.isnan(window[-1]):
        return np.nan
    values = window[~np.isnan(window)]
    below, equal = (values < window[-1]).sum(), (values == window[-1]).sum()
    return float((below + (equal + 1) / 2) / len(values))


def skew(y: Array) -> float:
    n, d = len(y), y - y.mean()
    if np.ptp(y) == 0:
        return 0.0
    return float(np.sqrt(n * (n - 1)) / (n - 2) * (d**3).mean() / (d**2).mean() ** 1.5)


def kurt(y: Array) -> float:
    n, d = len(y), y - y.mean()
    if np.ptp(y) == 0:
        return -3.0
    raw = (n * n - 1) * (d**4).mean() / (d**2).mean() ** 2 - 3 * (n - 1) ** 2
    return float(raw / ((n - 2) * (n - 3)))


def ema(window: Array, alpha: float | None) -> float:
    """Weights by age over known values; with no alpha the span is the window, gaps weighed too."""
    at = ~np.isnan(window)
    if not at.any():
        return np.nan
    if alpha is not None:  # a gap ages nothing until the next value: the mean repeats
        window, at = window[: at.nonzero()[0][-1] + 1], at[: at.nonzero()[0][-1] + 1]
    base = 1 - 2 / (1 + len(window)) if alpha is None else 1 - alpha
    weights = base ** np.arange(len(window))[::-1]
    total = weights.sum() if alpha is None else weights[at].sum()
    return float((weights * window)[at].sum() / total)


def exponential(x: Array, n: float) -> Array:
    alpha = None if n == 0 else (n if n < 1 else 2 / (n + 1))
    return each(lambda window: ema(window, alpha))(x, 0)


def shifted(x: Array, n: int) -> Array:
    return np.full(len(x), x[0]) if n == 0 else np.r_[np.full(n, np.nan), x][: len(x)]


def true(x: Any) -> Any:
    """As in Qlib everything but 0 is true, a missing value too."""
    return x != 0


ELEMENTS: dict[str, Callable[..., Any]] = {
    "Add": lambda x, y: x + y,
    "Sub": lambda x, y: x - y,
    "Mul": lambda x, y: x * y,
    "Div": lambda x, y: np.divide(x, y),
    "Power": np.power,
    "Greater": np.maximum,
    "Less": np.minimum,
    "Abs": np.abs,
    "Sign": np.sign,
    "Log": np.log,
    "Gt": lambda x, y: x > y,
    "Ge": lambda x, y: x >= y,
    "Lt": lambda x, y: x < y,
    "Le": lambda x, y: x <= y,
    "Eq": lambda x, y: x == y,
    "Ne": lambda x, y: x != y,
    "And": lambda x, y: np.logical_and(true(x), true(y)),
    "Or": lambda x, y: np.logical_or(true(x), true(y)),
    "Not": lambda x: ~true(x),
    "If": lambda c, x, y: np.where(true(c), x, y),
}

WINDOWS: dict[str, Callable[..., Array]] = {
    "Ref": shifted,
    "Delta": lambda x, n: x - shifted(x, n),
    "Mean": known(1, np.mean),
    "Sum": known(1, np.sum),
    "Std": known(2, lambda y: float(y.std(ddof=1))),
    "Var": known(2, lambda y: float(y.var(ddof=1))),
    "Skew": known(3, skew),
    "Kurt": known(4, kurt),
    "Max": known(1, np.max),
    "Min": known(1, np.min),
    "IdxMax": each(position(1.0)),
    "IdxMin": each(position(-1.0)),
    "Quantile": known(1, lambda y, share: float(np.quantile(y, share))),
    "Med": known(1, np.median),
    "Mad": known(1, lambda y: float(np.abs(y - y.mean()).mean())),
    "Rank": each(rank),
    "Count": count,
    "Slope": each(lambda window: line(window)[0]),
    "Rsquare": each(lambda window: line(window)[1]),
    "Resi": each(lambda window: line(window)[2]),
    "WMA": each(wma),
    "EMA": exponential,
    "Corr": lambda x, y, n: pairs(x, y, n, scaled=True),
    "Cov": lambda x, y, n: pairs(x, y, n, scaled=False),
}


def across(function: Callable[..., Array], x: Array, *more: Any) -> Array:
    """A function of a day's known values, or of those of each group."""
    grouped = bool(more) and isinstance(more[-1], np.ndarray)
    groups = finite(more[-1]) if grouped else np.zeros(x.shape)
    out = np.full(x.shape, np.nan)
    for day, (row, own) in enumerate(zip(finite(x), groups, strict=True)):
        for number in np.unique(own[~np.isnan(own)]):
            at = (own == number) & ~np.isnan(row)
            if at.any():
                out[day, at] = function(row[at], *more[: len(more) - grouped])
    return out


def day_rank(y: Array) -> Array:
    below, equal = (y < y[:, None]).sum(axis=1), (y == y[:, None]).sum(axis=1)
    return (2 * below + equal + 1) / 2 / len(y)


def score(y: Array) -> Array:
    return (y - y.mean()) / y.std(ddof=1) if len(y) > 1 and np.ptp(y) > 0 else y * 0.0


def winsorized(y: Array, share: float) -> Array:
    least = min(share, 1 - share)
    return np.clip(y, np.quantile(y, least), np.quantile(y, 1 - least))


ACROSS: dict[str, Callable[..., Array]] = {
    "CSRank": day_rank,
    "CSDemean": lambda y: y - y.mean(),
    "CSZScore": score,
    "CSWinsorize": winsorized,
}
