"""What a strategy family is: named parameters with limits, and a rule for one stock."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from tasks.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.data.panel import Panel

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Words = NDArray[np.uint64]
    Index = NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class StockBars:
    """Adjusted bars of one stock on its trading days only, float64 (m,), no NaN in `close`."""

    open: Array
    high: Array
    low: Array
    close: Array


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One parameter of a family.

    Attributes:
        name: such as `fast`.
        meaning: one phrase with the unit.
        lowest: smallest allowed value.
        highest: largest allowed value.
        usual: values of the usual grid.
        whole: whether only whole numbers make sense.
    """

    name: str
    meaning: str
    lowest: float
    highest: float
    usual: tuple[float, ...]
    whole: bool = True


def _every(values: Array) -> Flags:
    return np.ones(len(values), dtype=bool)


@dataclasses.dataclass(frozen=True)
class Family:
    """A rule with parameters; one of `wanted`, `scores`, `weights` and `wishes` is its heart.

    Attributes:
        name: such as `ma_cross`.
        title: a phrase for reports.
        parameters: in the order of the columns of a parameter table.
        lookback: parameter table to the trading days before the longest set's first signal.
        sensible: parameter table to bool (K,): which sets are worth a trial.
        rule: what makes a set sensible, in words.
        wanted: parameter table (K, P) to the rule of its sets: one stock's bars, and the bench to
            compute on (the CPU if not given), to bits, uint64 (K, words), see `kernels.bits`: set
            where a set wants to hold after the close of the day. Uses nothing after that close.
            What depends on the table alone is found once, however many stocks the rule is then
            asked for; so with the next two.
        scores: table to the rule: bars to scores (U, m) and the row of each set (K,): the stocks of
            the day's highest scores are held, see `rank_levels`.
        weights: table to the rule: bars to the fraction of the account that is invested, float64
            (K, m).
        wishes: a rule over all stocks at once: adjusted bars (T, N), who may be wanted (T, N), the
            table and the first row of a position, to one result per set: fractions (T, N) of the
            accounts to invest after each close, or the error of a set that has none.
        shared: the accounts of the stocks held share the money, as in a ranking.
        edition: raised when the rule wants something else than it did: its trials are new ones
            then. Rules that only became faster or clearer keep theirs.
    """

    name: str
    title: str
    parameters: tuple[Parameter, ...]
    lookback: Callable[[Array], int]
    sensible: Callable[[Array], Flags] = _every
    rule: str = "every set is"
    wanted: Callable[[Array], Callable[..., Words]] | None = None
    scores: Callable[[Array], Callable[[StockBars], tuple[Array, Index]]] | None = None
    weights: Callable[[Array], Callable[[StockBars], Array]] | None = None
    wishes: Callable[[Panel, Flags, Array, int], list[Array | UserError]] | None = None
    shared: bool = False
    edition: int = 1

    @property
    def shares_money(self) -> bool:
        """Whether a day's return is the mean over the stocks held, not over all of them."""
        return self.shared or self.scores is not None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return tuple(p.name for p in self.parameters)

    @property
    def usual_grid(self) -> Mapping[str, tuple[float, ...]]:
        """Each parameter's usual values."""
        return {p.name: p.usual for p in self.parameters}

    def check(self, values: Array) -> None:
        """Refuse a table with a value outside a parameter's limits."""
        for column, parameter in zip(values.T, self.parameters, strict=True):
            self.check_column(parameter, column)

    def check_column(self, parameter: Parameter, column: Array) -> None:
        """Refuse values of one parameter outside its limits."""
        bad = ~((column >= parameter.lowest) & (column <= parameter.highest))
        if parameter.whole:
            bad |= column != np.rint(column)
        if bad.any():
            kind = "a whole number" if parameter.whole else "a number"
            raise UserError(
                f"{parameter.name} of {self.name} is {column[bad][0]:g}: give {kind} "
                f"between {parameter.lowest:g} and {parameter.highest:g}"
            )


def places(values: Array) -> tuple[Index, list[Index]]:
    """Distinct whole numbers of some columns (K, C), and for each column the row of each set."""
    distinct, place = np.unique(values.astype(np.int64), return_inverse=True)
    rows = np.ascontiguousarray(place.reshape(values.shape).T.astype(np.int64))
    return distinct, list(rows)


def pairs(values: Array) -> tuple[Array, Index]:
    """Distinct pairs of numbers of a table (K, 2), and the place of each row among them, (K,)."""
    found, place = np.unique(values, axis=0, return_inverse=True)
    return found, place.reshape(-1).astype(np.int64)
