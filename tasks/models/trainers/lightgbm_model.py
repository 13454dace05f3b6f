"""LightGBM behind the common interface: deterministic, row-wise, text out."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.errors import UserError
from tasks.models.trainers.base import choose

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.models.config import TrainConfig

#: the one line of the model's text that names a worker setting and not the model
_THREADS = re.compile(r"^\[num_threads: \d+\]$", re.MULTILINE)


@dataclasses.dataclass
class LightGBMModel:
    """Gradient-boosted trees; see `tasks.models.trainers.base.Model`."""

    booster: Any
    device: str = "cpu"
    note: str = ""

    def predict(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Predictions (R,); an empty X gives none."""
        if len(X) == 0:
            return np.empty(0)
        return np.asarray(self.booster.predict(X, num_threads=1), dtype=np.float64)

    def to_bytes(self) -> bytes:
        """LightGBM's text format, without the number of threads that trained it."""
        text = self.booster.model_to_string(num_iteration=-1)
        return _THREADS.sub("[num_threads: 1]", text).encode()

    def importance(self) -> NDArray[np.float64]:
        """Total gain by feature."""
        return np.asarray(self.booster.feature_importance("gain"), dtype=np.float64)


def fit(
    config: TrainConfig,
    X: NDArray[np.float32],
    y: NDArray[np.float32],
    known: NDArray[np.bool_],
) -> LightGBMModel:
    """Train; asks for a GPU only where the configuration does, and says why if it stays on CPU."""
    from lightgbm.basic import LightGBMError

    parts, labels = _runs(X, known), y[known]
    device, note = choose(config.device, "lightgbm")
    if device == "gpu":
        try:
            # the package index's builds carry the OpenCL learner ("gpu") and not the CUDA one
            return LightGBMModel(_train(config, parts, labels, "gpu"), device="gpu")
        except LightGBMError as error:
            reason = str(error).strip().splitlines()[0].rstrip(".")
            note = f"lightgbm trained on the CPU: its GPU learner cannot start ({reason})."
    return LightGBMModel(_train(config, parts, labels, "cpu"), note=note)


def load(content: bytes) -> LightGBMModel:
    """Read LightGBM's text."""
    import lightgbm

    try:
        return LightGBMModel(lightgbm.Booster(model_str=content.decode()))
    except (UnicodeDecodeError, lightgbm.basic.LightGBMError) as error:
        raise UserError(
            f"{len(content)} bytes are no lightgbm model: train the model again"
        ) from error


def parameters(config: TrainConfig, rows: int, device: str = "cpu") -> dict[str, Any]:
    """LightGBM's parameters; `deterministic` and `force_row_wise` fix the order of its sums."""
    return {
        "objective": "regression",
        "learning_rate": config.learning_rate,
        "num_leaves": config.leaves,
        # a small training set must still be able to split
        "min_data_in_leaf": max(1, min(config.min_leaf, rows // (2 * config.leaves))),
        "lambda_l2": config.l2,
        "bagging_fraction": config.row_share,
        "bagging_freq": 1 if config.row_share < 1 else 0,
        "feature_fraction": config.feature_share,
        "max_bin": config.bins,
        "seed": config.seed,
        "deterministic": True,
        "force_row_wise": device == "cpu",
        "num_threads": config.threads,
        "device_type": device,
        "verbosity": -1,
    }


def _runs(X: NDArray[np.float32], known: NDArray[np.bool_]) -> list[NDArray[np.float32]]:
    """Neighbouring known rows as views of the matrix: a copy would need its memory again.

    LightGBM takes them one after the other as if they were one matrix.
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(np.int8)))
    return [X[start:stop] for start, stop in edges.reshape(-1, 2)]


def _train(
    config: TrainConfig, parts: list[NDArray[np.float32]], y: NDArray[np.float32], device: str
) -> Any:
    import lightgbm

    settings = parameters(config, len(y), device)
    data = lightgbm.Dataset(parts, label=y, params=settings, free_raw_data=True)
    return lightgbm.train(settings, data, num_boost_round=config.rounds)
