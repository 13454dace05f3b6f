"""Labels, datasets, walk-forward training and the models behind one interface.

Pure modules:

* `config` - `TrainConfig`, everything that can be set
* `labels` - what is predicted, and how far into the future a label reaches
* `crosssection` - per-day ranks and z-scores across symbols
* `dataset` - feature blocks to a matrix with rows sorted by (date, symbol)
* `walkforward` - purged folds, one fit per fold, the production fit, tomorrow's ranking
* `trainers` - LightGBM, XGBoost and torch behind one interface
* `trainer` - `GPUModelTrainer`, training on plain arrays and frames
* `scores`, `evaluate` - information coefficients, their errors, quantiles, decay, drift
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tasks.models.config import TrainConfig
    from tasks.models.dataset import Block, Dataset
    from tasks.models.labels import label_span
    from tasks.models.trainer import GPUModelTrainer, TrainingResult
    from tasks.models.walkforward import (
        Fold,
        FoldResult,
        Production,
        WalkForward,
        assemble,
        fit_fold,
        folds,
        production_fit,
        rank_tomorrow,
        walk_forward,
    )

_HOME = {
    "TrainConfig": "config",
    "Block": "dataset",
    "Dataset": "dataset",
    "GPUModelTrainer": "trainer",
    "TrainingResult": "trainer",
    "Fold": "walkforward",
    "FoldResult": "walkforward",
    "Production": "walkforward",
    "WalkForward": "walkforward",
    "assemble": "walkforward",
    "fit_fold": "walkforward",
    "folds": "walkforward",
    "label_span": "labels",
    "production_fit": "walkforward",
    "rank_tomorrow": "walkforward",
    "walk_forward": "walkforward",
}

__all__ = [
    "Block",
    "Dataset",
    "Fold",
    "FoldResult",
    "GPUModelTrainer",
    "Production",
    "TrainConfig",
    "TrainingResult",
    "WalkForward",
    "assemble",
    "fit_fold",
    "folds",
    "label_span",
    "production_fit",
    "rank_tomorrow",
    "walk_forward",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
