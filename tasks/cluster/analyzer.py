"""Analyses, backtests and parameter searches over a cluster, one row per symbol or set."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tasks.cluster.calling import with_data, with_parameters
from tasks.cluster.counting import count_search, selectable
from tasks.cluster.families import score_sets
from tasks.cluster.manager import DaskDistributedManager
from tasks.cluster.outcomes import Outcome, run_all, warn_of_failures
from tasks.data import trialsets
from tasks.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from tasks.data.store import Store

RESULT, ERROR = "result", "error"


class DistributedStockAnalyzer:
    """Spreads a user's functions over a cluster.

    Every result is a pandas frame with one row per input, in the order given: what was asked, what
    came out (the columns of a returned mapping, or `result`), and `error`, None where it went well.
    A failing symbol or parameter set is a row with its error, never an empty result.
    """

    def __init__(self, manager: DaskDistributedManager) -> None:
        self.manager = manager

    def analyze_stocks_parallel(
        self,
        symbols: Iterable[str],
        data_dict: Mapping[str, Any],
        analysis_func: Callable[..., Any],
    ) -> pd.DataFrame:
        """One row per symbol.

        Args:
            symbols: what to analyse; one without data is a row that says so.
            data_dict: symbol to its data, each sent once.
            analysis_func: called as `f(symbol, data)`, `f(data, symbol)` or `f(data)`.
        """
        names = list(symbols)
        present = [name for name in names if name in data_dict]
        call = functools.partial(with_data, analysis_func)
        found = run_all(self.manager, call, [(s, data_dict[s]) for s in present], label="analysis")
        by_name = dict(zip(present, found, strict=True))
        outcomes = [by_name.get(s, Outcome(error=f"data_dict has no data for {s}")) for s in names]
        return _table([{"symbol": s} for s in names], outcomes, "analysis")

    def backtest_parallel(
        self,
        strategies: Iterable[Mapping[str, Any]],
        data: Any,
        backtest_func: Callable[..., Any] | str,
        *,
        ledger: Store | str | None = "",
        data_family: str = "",
    ) -> pd.DataFrame:
        """One row per strategy, with its parameters as columns.

        Every one of them is counted, as in `optimize_parameters_parallel`, and a panel ends before
        the vault.

        Args:
            strategies: parameters of each.
            data: the same for all, sent to each worker once.
            backtest_func: called as `f(strategy, data)`, `f(data, strategy)` or `f(strategy)`; or
                the name of one of our strategies, such as `ma_cross`, which the sweep scores on a
                panel or on prices (T, N) of any array kind, see `families.score_sets`.
            ledger: as of `optimize_parameters_parallel`.
            data_family: likewise.
        """
        sets = [_mapping(s, "strategy", i) for i, s in enumerate(strategies)]
        store = trialsets.ledger_store(ledger)
        if isinstance(backtest_func, str):
            return self._named(backtest_func, sets, data, "backtest", store, data_family)
        call = functools.partial(with_data, backtest_func)
        seen, looked_at = selectable(store, data, data_family)
        outcomes = run_all(
            self.manager, call, [(s,) for s in sets], label="backtest", shared=[seen]
        )
        table = _table(sets, outcomes, "backtest")
        if store is not None:
            count_search(store, sets, table, backtest_func, looked_at)
        return table

    def optimize_parameters_parallel(
        self,
        param_grid: Mapping[str, Sequence[Any]] | Iterable[Mapping[str, Any]],
        optimize_func: Callable[..., Any] | str,
        data: Any = None,
        *,
        ledger: Store | str | None = "",
        data_family: str = "",
    ) -> pd.DataFrame:
        """One row per parameter set, the last name varying fastest; nothing is left out or sorted.

        The best of many sets is not a finding: judge it with `tasks.validation`. Every set is
        counted in the ledger as tried on the family's data: one of a named strategy as the trial
        that `sweep` makes of it, scored before the vault; of a function, whose `sharpe` (per day)
        and `days`, `skew` and `kurtosis` are kept if they are among the results.

        Args:
            param_grid: values of each parameter, every combination of which is tried; or the sets.
            optimize_func: called as `f(**parameters)` if it names them, else `f(parameters)`; or
                the name of one of our strategies, as for `backtest_parallel`.
            data: what a named strategy is scored on; a function has its own.
            ledger: store, or its place, that counts them; what `QILIN_LEDGER` names if not given,
                by default the nights' own; None for none.
            data_family: what data is looked at, as nights name it; the panel's source if not
                given, `memory` where there is no panel.
        """
        sets = combinations(param_grid)
        store = trialsets.ledger_store(ledger)
        if isinstance(optimize_func, str):
            return self._named(optimize_func, sets, data, "search", store, data_family)
        call = functools.partial(with_parameters, optimize_func)
        outcomes = run_all(self.manager, call, [(s,) for s in sets], label="search")
        table = _table(sets, outcomes, "search")
        if store is not None:
            count_search(store, sets, table, optimize_func, data_family or "memory")
        return table

    def _named(
        self,
        strategy: str,
        sets: Sequence[Mapping[str, Any]],
        data: Any,
        label: str,
        store: Store | None,
        data_family: str,
    ) -> pd.DataFrame:
        """Sets of one of our own strategies, scored by the sweep."""
        scored = score_sets(
            self.manager, strategy, sets, data, label, ledger=store, data_family=data_family
        )
        return _table(sets, scored, label)


def combinations(
    param_grid: Mapping[str, Sequence[Any]] | Iterable[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """Every combination of a grid, the last name varying fastest; or the sets as they are."""
    if not isinstance(param_grid, Mapping):
        return [_mapping(s, "parameter set", i) for i, s in enumerate(param_grid)]
    for name, values in param_grid.items():
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise UserError(f"param_grid[{name!r}] is {values!r}: give a list of values")
    names = list(param_grid)
    for name in names:
        if not list(param_grid[name]):
            raise UserError(f"param_grid[{name!r}] is empty: give at least one value")
    return [dict(zip(names, row, strict=True)) for row in itertools.product(*param_grid.values())]


def _mapping(value: Any, what: str, i: int) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise UserError(f"{what} {i + 1} is a {type(value).__name__}: give a dictionary of values")
    return dict(value)


def _table(
    asked: Sequence[Mapping[str, Any]], outcomes: Sequence[Outcome], label: str
) -> pd.DataFrame:
    """Asked, then results (spread where every one is a mapping), then the error."""
    import pandas as pd

    warn_of_failures(outcomes, label)
    good = [o.value for o in outcomes if o.error is None]
    spread = bool(good) and all(isinstance(value, Mapping) for value in good)
    taken = {name for row in asked for name in row} | {ERROR}
    rows = []
    for row, outcome in zip(asked, outcomes, strict=True):
        found = outcome.value if spread else {RESULT: outcome.value}
        named = {_free(str(k), taken): v for k, v in (found or {}).items()}
        rows.append({**row, **named, ERROR: outcome.error})
    names = dict.fromkeys(name for row in rows for name in row if name != ERROR)
    return pd.DataFrame(
        {n: pd.Series([r.get(n) for r in rows], dtype=_kind(rows, n)) for n in [*names, ERROR]}
    )


def _kind(rows: Sequence[Mapping[str, Any]], name: str) -> Any:
    """Let pandas choose for plain values; keep objects (frames, dictionaries) as they are."""
    plain = (bool, int, float, str, type(None))
    if name == ERROR or any(not _is_plain(r.get(name), plain) for r in rows):
        return object
    return None


def _is_plain(value: Any, plain: tuple[type, ...]) -> bool:
    return isinstance(value, plain) or (type(value).__module__ == "numpy" and value.ndim == 0)


def _free(name: str, taken: set[str]) -> str:
    """A result's column name; one that a parameter has already becomes `result_<name>`."""
    return f"{RESULT}_{name}" if name in taken else name
