"""Factors as steps: blocks of symbols, and what needs all symbols at once; each an artifact."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from tasks._step import Context, Output, step
from tasks.data import codec
from tasks.data.store import Artifact
from tasks.data.userfiles import UserFile
from tasks.indicators import factorsets
from tasks.indicators.config import FactorConfig


@step("features", packages=("numpy", "numba"))
def features_block(
    ctx: Context,
    panel: Artifact,
    first: int,
    stop: int,
    features: dict[str, Any],
    user: list[list[str]],
) -> Output:
    """Factors of the stocks from `first` to before `stop`, on adjusted prices."""
    block = ctx.store.read_panel(panel, slice(first, stop)).adjusted()
    config = FactorConfig.model_validate(features)
    return _output("features", factorsets.in_blocks(block, config, user, ctx.device), block.symbols)


@step("features", packages=("numpy", "numba", "pandas"))
def features_across(
    ctx: Context,
    panel: Artifact,
    features: dict[str, Any],
    user: list[list[str]],
    code: UserFile | None,
) -> Output:
    """Factors that need the whole cross-section: ranks of a day, and the user's functions."""
    whole = ctx.store.read_panel(panel).adjusted()
    config = FactorConfig.model_validate(features)
    values = factorsets.across(whole, config, user, code, ctx.device)
    return _output("features_across", values, whole.stocks().symbols)


def _output(kind: str, values: factorsets.Values, symbols: tuple[str, ...]) -> Output:
    stacked = np.stack(list(values.grids.values()))
    head = {
        "names": list(values.grids),
        "sets": values.sets,
        "expressions": values.expressions,
        "symbols": list(symbols),
    }
    files: dict[str, bytes | Callable[[str], None]] = {
        "features.npy": codec.array_writer(stacked),
        "head.json": json.dumps(head, sort_keys=True).encode(),
    }
    device = values.device
    notes: dict[str, Any] = {}
    if device is not None:
        notes = {"device": device.kind, "reason": device.reason}
        notes["fallbacks"] = int(device.fallback)
    return Output(kind, files, rows=int(np.isfinite(stacked).any(axis=0).sum()), notes=notes)


STEPS = (features_block, features_across)
