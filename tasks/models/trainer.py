"""Training on plain arrays and frames: `GPUModelTrainer(...).train_gpu(X, y)`, `.predict_gpu(X)`.

The same trainers that the nightly folds use, for a notebook or a script. A GPU is used if there is
one; if not, the CPU takes over and the result says why. A fault in training is an exception.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from pydantic import ValidationError

from tasks.arrays.kinds import in_kind, kind, to_numpy
from tasks.errors import UserError
from tasks.models.config import ModelKind, TrainConfig
from tasks.models.trainers.base import Model, fit, unknown_kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: the names that removed options of older releases had, and what stands in their place
_REMOVED = {
    "tree_method": "device='gpu' (histograms are always used)",
    "gpu_id": "device='gpu' and CUDA_VISIBLE_DEVICES",
    "predictor": "nothing: the model predicts where it is",
}


@dataclasses.dataclass(frozen=True)
class TrainingResult:
    """What one training gave.

    Attributes:
        model: the trained model (`predict`, `to_bytes`, `importance`).
        model_type: `lightgbm`, `xgboost` or `pytorch`.
        device: `cpu` or `gpu`, what was really used.
        note: why another device was used than asked for; empty otherwise.
        rows: rows trained on; rows without a label are left out.
        features: their names, or `f0`, `f1`, ... for plain arrays.
        importance: feature to its gain's share of the total.
        seconds: wall-clock time of the training.
    """

    model: Model
    model_type: ModelKind
    device: str
    note: str
    rows: int
    features: tuple[str, ...]
    importance: dict[str, float]
    seconds: float


class GPUModelTrainer:
    """Train one model on numpy arrays, pandas frames, torch tensors or anything array-like.

    Args:
        model_type: `lightgbm`, `xgboost` or `pytorch`.
        device: `auto` (default: a GPU if there is one), `cpu` or `gpu`.
        **parameters: fields of `tasks.models.config.TrainConfig`, such as `rounds` or `seed`.

    Raises:
        UserError: an unknown model or parameter.
    """

    def __init__(
        self, model_type: str = "lightgbm", *, device: str = "auto", **parameters: Any
    ) -> None:
        if model_type not in get_args(ModelKind):
            raise unknown_kind(model_type)
        for name in parameters:
            if name in _REMOVED:
                raise UserError(f"parameter {name!r} was removed: use {_REMOVED[name]}")
        try:
            self.config = TrainConfig.model_validate(
                {"model": model_type, "device": device, **parameters}
            )
        except ValidationError as error:
            first = error.errors()[0]
            raise UserError(
                f"parameter {'.'.join(map(str, first['loc']))!r} of GPUModelTrainer: "
                f"{first['msg']}; tasks.models.config.TrainConfig lists what can be set"
            ) from error
        self.result: TrainingResult | None = None

    def train_gpu(self, X: Any, y: Any) -> TrainingResult:
        """Train on features (R, F) and labels (R,); the last result is also kept.

        Rows whose label is NaN are left out; NaN features are missing values.

        Raises:
            UserError: shapes that do not fit, or no labelled row. Any other fault of the library
                is passed on as it is: there is no result without a model.
        """
        started = time.perf_counter()
        features, names = _matrix(X)
        labels = to_numpy(y, "y").astype(np.float32).reshape(-1)
        if len(labels) != len(features):
            raise UserError(
                f"{len(features)} rows of features and {len(labels)} labels: give one each"
            )
        known = ~np.isnan(labels)
        model = fit(self.config, np.ascontiguousarray(features[known]), labels[known])
        gains = model.importance()
        total = float(gains.sum()) or 1.0
        self.result = TrainingResult(
            model=model,
            model_type=self.config.model,
            device=model.device,
            note=model.note,
            rows=int(known.sum()),
            features=names,
            importance={n: float(g) / total for n, g in zip(names, gains, strict=True)},
            seconds=time.perf_counter() - started,
        )
        return self.result

    def predict_gpu(self, X: Any) -> Any:
        """Predictions (R,) in kind: a Series with the frame's index, a tensor, or an array.

        Raises:
            UserError: nothing was trained yet, or X has other features than the training.
        """
        if self.result is None:
            raise UserError("nothing was trained yet: call train_gpu(X, y) before predict_gpu(X)")
        features, names = _matrix(X)
        if names != self.result.features:
            raise UserError(
                f"the model was trained on {len(self.result.features)} features "
                f"({', '.join(self.result.features[:3])}, ...) and X has {len(names)} "
                f"({', '.join(names[:3])}, ...): give the same columns in the same order"
            )
        return _in_kind(self.result.model.predict(features), X)


def _matrix(X: Any) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Float32 (R, F), C-contiguous, and the columns' names."""
    # a numpy array goes straight to float32: a detour over float64 would need twice its memory
    host = X if isinstance(X, np.ndarray) else to_numpy(X, "X")
    array = np.ascontiguousarray(host, dtype=np.float32)
    if array.ndim != 2:
        raise UserError(f"the features have shape {array.shape}: give rows x features")
    columns = getattr(X, "columns", None)
    if columns is None:
        return array, tuple(f"f{i}" for i in range(array.shape[1]))
    return array, tuple(str(c) for c in columns)


def _in_kind(values: NDArray[np.float64], like: Any) -> Any:
    """Predictions as the kind of data that asked for them."""
    name = kind(like)
    if name in ("pandas", "cudf"):
        return sys.modules[name].Series(values, index=like.index, name="prediction")
    if name == "polars":
        return sys.modules[name].Series("prediction", values)
    return in_kind(values, like)
