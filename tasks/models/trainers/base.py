"""One interface over LightGBM, XGBoost and torch: fit, predict, to bytes and back.

Models travel as LightGBM's text, XGBoost's UBJSON or safetensors, never as pickles, which run code
when they are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from tasks.arrays.devices import GPUBackend, why_unavailable
from tasks.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.arrays.devices import DeviceWish
    from tasks.models.config import TrainConfig


class Model(Protocol):
    """A trained model.

    Attributes:
        device: `cpu` or `gpu`, where it was trained.
        note: one sentence why another device was used than asked for; empty otherwise.
    """

    device: str
    note: str

    def predict(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Predictions (R,) for features (R, F); missing features are NaN."""
        ...

    def to_bytes(self) -> bytes:
        """The model's content; equal bytes for equal data, settings and seed."""
        ...

    def importance(self) -> NDArray[np.float64]:
        """Gain of each feature, (F,), not negative; shares of the sum can be compared."""
        ...


def fit(
    config: TrainConfig,
    X: NDArray[np.float32],
    y: NDArray[np.float32],
    *,
    days: NDArray[np.int32] | None = None,
    known: NDArray[np.bool_] | None = None,
) -> Model:
    """Train the configured kind of model.

    Args:
        config: kind, size, seed, threads and device.
        X: float32 (R, F), C-contiguous; NaN is a missing feature.
        y: float32 (R,), finite where `known`.
        days: (R,), ascending; rows of one day belong together. The network learns the daily
            correlation where days are given and the squared error otherwise; trees always use the
            squared error.
        known: (R,), rows to train on; all by default.

    Raises:
        UserError: shapes that do not fit, labels that are not finite, or an unknown kind.
    """
    chosen = np.ones(len(y), dtype=bool) if known is None else known
    _check(X, y, chosen)
    if config.model == "lightgbm":
        from tasks.models.trainers import lightgbm_model

        return lightgbm_model.fit(config, X, y, chosen)
    if not chosen.all():
        X, y, days = X[chosen], y[chosen], None if days is None else days[chosen]
    if config.model == "xgboost":
        from tasks.models.trainers import xgboost_model

        return xgboost_model.fit(config, X, y)
    from tasks.models.trainers import pytorch_model

    return pytorch_model.fit(config, X, y, days=days)


def load(kind: str, content: bytes) -> Model:
    """Read back what a model's `to_bytes` gave.

    Raises:
        UserError: an unknown kind, or bytes that are no such model.
    """
    if kind == "lightgbm":
        from tasks.models.trainers import lightgbm_model

        return lightgbm_model.load(content)
    if kind == "xgboost":
        from tasks.models.trainers import xgboost_model

        return xgboost_model.load(content)
    if kind == "pytorch":
        from tasks.models.trainers import pytorch_model

        return pytorch_model.load(content)
    raise unknown_kind(kind)


def choose(asked: DeviceWish, library: str) -> tuple[str, str]:
    """`cpu` or `gpu` by what the machine has; a sentence where a wish for a GPU is not met."""
    if asked == "cpu":
        return "cpu", ""
    lack = why_unavailable(GPUBackend.PYTORCH)
    if lack is None:
        return "gpu", ""
    return "cpu", f"{library} trained on the CPU: {lack}."


def unknown_kind(kind: str) -> UserError:
    """The error for a model that does not exist here; TensorFlow is named, since it once did."""
    if kind.lower() in ("tensorflow", "tf", "keras"):
        return UserError(
            f"model {kind!r} is not offered: Qilin has no TensorFlow models; choose 'pytorch' "
            "for a neural network, or 'lightgbm' or 'xgboost'"
        )
    return UserError(f"model {kind!r} is unknown: choose 'lightgbm', 'xgboost' or 'pytorch'")


def _check(X: NDArray[np.float32], y: NDArray[np.float32], known: NDArray[np.bool_]) -> None:
    if X.ndim != 2 or X.shape[1] == 0:
        raise UserError(f"the features have shape {X.shape}: give rows x features")
    if y.shape != (len(X),):
        raise UserError(f"{len(X)} rows of features and labels of shape {y.shape}: give one each")
    if not known.any():
        raise UserError("no rows to train on: check the training window and the universe")
    bad = int((~np.isfinite(y[known])).sum())
    if bad:
        raise UserError(f"{bad} of {len(y)} labels are not finite: drop these rows before training")
