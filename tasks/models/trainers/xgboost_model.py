"""XGBoost behind the common interface: histogram trees on CPU or CUDA, UBJSON out."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.errors import UserError
from tasks.models.trainers.base import choose

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.arrays.devices import DeviceWish
    from tasks.models.config import TrainConfig


@dataclasses.dataclass
class XGBoostModel:
    """Gradient-boosted trees; see `tasks.models.trainers.base.Model`."""

    booster: Any
    device: str = "cpu"
    note: str = ""

    def predict(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Predictions (R,); an empty X gives none."""
        if len(X) == 0:
            return np.empty(0)
        return np.asarray(self.booster.inplace_predict(X), dtype=np.float64)

    def to_bytes(self) -> bytes:
        """XGBoost's UBJSON, which holds the trees and no worker setting."""
        return bytes(self.booster.save_raw(raw_format="ubj"))

    def importance(self) -> NDArray[np.float64]:
        """Total gain by feature."""
        gains = self.booster.get_score(importance_type="total_gain")
        return np.array([gains.get(f"f{i}", 0.0) for i in range(self.booster.num_features())])


def fit(config: TrainConfig, X: NDArray[np.float32], y: NDArray[np.float32]) -> XGBoostModel:
    """Train on the asked device, or on the CPU with one sentence that says why."""
    import xgboost

    device, note = choose_device(config.device)
    data = xgboost.QuantileDMatrix(X, label=y, max_bin=config.bins, nthread=config.threads)
    booster = xgboost.train(parameters(config, len(y), device), data, config.rounds)
    # a model that came from a GPU predicts where the features are, which is the CPU
    booster.set_param({"device": "cpu", "nthread": 1})
    return XGBoostModel(booster, device, note)


def load(content: bytes) -> XGBoostModel:
    """Read XGBoost's UBJSON."""
    import xgboost

    booster = xgboost.Booster({"nthread": 1})
    try:
        booster.load_model(bytearray(content))
    except xgboost.core.XGBoostError as error:
        raise UserError(
            f"{len(content)} bytes are no xgboost model: train the model again"
        ) from error
    return XGBoostModel(booster)


def parameters(config: TrainConfig, rows: int, device: str) -> dict[str, Any]:
    """XGBoost's parameters, with today's names only (`device`, `tree_method="hist"`)."""
    return {
        "objective": "reg:squarederror",
        "tree_method": "hist",
        "device": "cuda" if device == "gpu" else "cpu",
        "eta": config.learning_rate,
        "grow_policy": "lossguide",
        "max_leaves": config.leaves,
        "max_depth": 0,
        # with squared error a row's weight in a leaf is 1, so this counts rows
        "min_child_weight": max(1, min(config.min_leaf, rows // (2 * config.leaves))),
        "lambda": config.l2,
        "subsample": config.row_share,
        "colsample_bytree": config.feature_share,
        "max_bin": config.bins,
        "seed": config.seed,
        "nthread": config.threads,
        "verbosity": 0,
    }


def choose_device(asked: DeviceWish) -> tuple[str, str]:
    """`cpu` or `gpu`, and why it is not what was asked for (empty if it is)."""
    import xgboost

    device, note = choose(asked, "xgboost")
    if device == "gpu" and not xgboost.build_info().get("USE_CUDA", False):
        return "cpu", "xgboost trained on the CPU: this xgboost was built without CUDA."
    return device, note
