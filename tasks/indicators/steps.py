"""Features as a step: one block of symbols at a time, each a small artifact."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from tasks._step import Context, Output, step
from tasks.arrays.devices import choose_device
from tasks.data import codec
from tasks.data.store import Artifact
from tasks.indicators.config import TechnicalConfig
from tasks.indicators.features import features_on


@step("features", packages=("numpy", "numba"))
def features_block(
    ctx: Context, panel: Artifact, first: int, stop: int, features: dict[str, Any]
) -> Output:
    """Features of the stocks from `first` to before `stop`, on adjusted prices."""
    config = TechnicalConfig.model_validate(features)
    block = ctx.store.read_panel(panel, slice(first, stop)).adjusted()
    values, device = features_on(block, config, choose_device(ctx.device))
    stacked = np.stack([values[name] for name in values]).astype(config.dtype)
    head = {"names": list(values), "symbols": list(block.symbols)}
    coverage = {
        name: round(float(np.isfinite(grid).sum()) / max(1, _cells(block["close"])), 6)
        for name, grid in values.items()
    }
    return Output(
        "features",
        {
            "features.npy": codec.array_bytes(stacked),
            "head.json": json.dumps(head).encode(),
            "coverage.json": json.dumps({"cells": _cells(block["close"]), **coverage}).encode(),
        },
        rows=_cells(block["close"]),
        notes={"device": device.kind, "reason": device.reason},
    )


def _cells(close: np.ndarray[Any, np.dtype[np.float64]]) -> int:
    """Cells with a price: what a feature could have covered."""
    return int(np.isfinite(close).sum())


STEPS = (features_block,)
