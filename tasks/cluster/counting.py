"""Parameter searches and the ledger: every set that a user's function was tried with counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.data import codehash, trialsets

if TYPE_CHECKING:
    import pandas as pd

    from tasks.data.store import Store

_SCORES = ("days", "sharpe", "skew", "kurtosis")


def selectable(store: Store | None, data: Any, data_family: str) -> tuple[Any, str]:
    """What a search may look at, and the family that it counts for.

    Args:
        store: where the ledger and the vault are; None where nothing is counted.
        data: a panel ends before its family's vault; anything else stays as it is.
        data_family: as given; else the panel's family or source, or `memory` for anything else.
    """
    from tasks.backtest.counting import before_vault
    from tasks.data.panel import Panel

    if not isinstance(data, Panel):
        return data, data_family or "memory"
    looked_at = data_family or data.family or data.source
    if store is None:
        return data, looked_at
    return before_vault(store, looked_at, data, None)[0], looked_at


def count_search(
    store: Store,
    sets: Sequence[Mapping[str, Any]],
    table: pd.DataFrame,
    function: Callable[..., Any],
    data_family: str,
) -> None:
    """Tell the ledger what a search tried, whatever came of it.

    Args:
        store: where the ledger is.
        sets: the parameter sets; one that stands twice is one trial.
        table: a row per set; `days`, `sharpe` (per day), `skew` and `kurtosis` are kept.
        function: what was tried; its own source is the strategy.
        data_family: what data it looked at.
    """
    if not sets:
        return
    source = codehash.own_hash(function)
    named = [{str(k): _plain(v) for k, v in s.items()} for s in sets]
    ids = [
        trialsets.trial_id(
            family=data_family, strategy=source, parameters=s, costs=None, universe=None
        )
        for s in named
    ]
    first = sorted({i: n for n, i in reversed(list(enumerate(ids)))}.values())
    made = trialsets.trial_set(
        [ids[n] for n in first],
        [named[n] for n in first],
        strategy=getattr(function, "__name__", type(function).__name__),
        moments={name: _numbers(table, name)[first] for name in _SCORES if name in table.columns},
    )
    trialsets.emit_by_hand(store, made, family=data_family)


def _numbers(table: pd.DataFrame, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    import pandas as pd

    values = pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=np.float64)
    return np.nan_to_num(values, nan=0.0) if name == "days" else values


def _plain(value: Any) -> Any:
    """A value that can be hashed: a function by its source, anything else unknown as its text."""
    if isinstance(value, (str, bool, int, float, type(None), np.generic)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return codehash.own_hash(value) if callable(value) else str(value)
