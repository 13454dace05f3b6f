"""Frames of many symbols over a cluster: any function, indicators, and putting frames together."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.cluster.calling import own
from tasks.cluster.frames import Part, add_columns, by_symbol, checked, joined, replaced, stacked
from tasks.cluster.manager import DaskDistributedManager
from tasks.cluster.outcomes import BLOCKS_PER_THREAD, Outcome, run_all, warn_of_failures
from tasks.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


class DistributedDataProcessor:
    """Spreads work on long pandas frames over a cluster, whole symbols at a time.

    Results do not depend on the number of workers or blocks: a symbol's rows stay together.
    """

    def __init__(self, manager: DaskDistributedManager) -> None:
        self.manager = manager

    def process_large_dataset(
        self, df: pd.DataFrame, func: Callable[[pd.DataFrame], Any], n_partitions: int | None = None
    ) -> pd.DataFrame:
        """Call a function with each symbol's rows and put the results together.

        Args:
            df: long frame whose symbols are in a column or a level of the index (`symbol`,
                `code`, ...), or of one symbol.
            func: gets one symbol's rows in the frame's order. If it gives frames with the index
                it got, the result has the frame's rows in their order; else results of any
                length stand one below the other, symbols in order of appearance.
            n_partitions: in how many blocks symbols travel; never changes the result.

        A failing symbol keeps its rows (or one row) with the reason in the column `error`, which
        is there only if something failed. Errors: `UserError` if every symbol failed.
        """
        if n_partitions is not None and n_partitions < 1:
            raise UserError(f"n_partitions is {n_partitions}: give at least 1")
        frame = checked(df)
        parts = by_symbol(frame)
        calls = [(part.of(frame),) for part in parts]
        call = functools.partial(_called_with_own, func)
        found = run_all(self.manager, call, calls, label="process", blocks=n_partitions)
        warn_of_failures(found, "process")
        kept = (_same_rows(c[0], o.value) for c, o in zip(calls, found, strict=True) if not o.error)
        if all(kept):
            return replaced(frame, parts, found)
        return stacked([part.symbols[0] for part in parts], found)

    def calculate_indicators_distributed(
        self, df: pd.DataFrame, backend: str = "cpu"
    ) -> pd.DataFrame:
        """The frame with the indicators of `tasks.indicators` added, in its own row order.

        Args:
            df: long frame of bars, see `GPUDataProcessor.calculate_indicators_gpu`.
            backend: what each worker computes on, such as `cpu` or `cupy`.

        A failing symbol has NaN and the reason in the column `error`.
        """
        frame = checked(df)
        return self.add_by_symbol(
            frame, functools.partial(_indicators, backend=backend), "indicators"
        )

    def aggregate_multi_symbol_data(
        self,
        data_dict: Mapping[str, pd.DataFrame],
        agg_func: Callable[[pd.DataFrame], Any] | None = None,
    ) -> pd.DataFrame:
        """One long frame out of one frame per symbol, `symbol` first, symbols in order.

        Args:
            data_dict: symbol to its frame; an index of dates becomes the column `date`.
            agg_func: applied to each frame on the cluster first: a frame, a series or mapping
                (one row), or a number (`result`).
        """
        if agg_func is None:
            return stacked(list(data_dict), [Outcome(frame) for frame in data_dict.values()])
        call = functools.partial(_called_with_own, agg_func)
        found = run_all(self.manager, call, [(f,) for f in data_dict.values()], label="aggregate")
        warn_of_failures(found, "aggregate")
        return stacked(list(data_dict), found)

    def add_by_symbol(
        self,
        frame: pd.DataFrame,
        function: Callable[..., Mapping[str, Any]],
        label: str,
        shared: Sequence[Any] = (),
    ) -> pd.DataFrame:
        """The frame with the columns that `function(rows, *shared)` gives for blocks of symbols.

        For functions that take many symbols at once and keep them apart. A block that fails is
        tried again symbol by symbol, so that only the failing symbols are lost.
        """
        every = by_symbol(frame) or [Part(("",), np.arange(0))]
        blocks = joined(every, BLOCKS_PER_THREAD * max(1, self.manager.threads))
        outcomes = self._outcomes(frame, blocks, function, label, shared)
        parts, found = [], []
        for block, outcome in zip(blocks, outcomes, strict=True):
            members = set(block.symbols)
            alone = [p for p in every if p.symbols[0] in members]
            if outcome.error is None or len(alone) == 1:
                parts.append(block)
                found.append(outcome)
            else:
                parts += alone
                found += self._outcomes(frame, alone, function, label, shared)
        warn_of_failures(found, label)
        return add_columns(frame, parts, found)

    def _outcomes(
        self,
        frame: pd.DataFrame,
        parts: Sequence[Part],
        function: Callable[..., Mapping[str, Any]],
        label: str,
        shared: Sequence[Any],
    ) -> list[Outcome]:
        calls = [(part.of(frame),) for part in parts]
        return run_all(self.manager, function, calls, label=label, shared=shared)


def _called_with_own(function: Callable[[Any], Any], rows: Any) -> Any:
    return function(own(rows))


def _indicators(rows: pd.DataFrame, *, backend: str) -> dict[str, Any]:
    """The new columns alone: what was sent need not come back."""
    from tasks.indicators.processor import COLUMNS, GPUDataProcessor

    found = GPUDataProcessor(backend).calculate_indicators_gpu(rows)
    return {name: found[name].to_numpy() for name in COLUMNS}


def _same_rows(rows: pd.DataFrame, value: Any) -> bool:
    import pandas as pd

    return (
        isinstance(value, pd.DataFrame)
        and len(value) == len(rows)
        and bool(np.all(value.index == rows.index))
    )
