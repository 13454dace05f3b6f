"""A small neural network behind the common interface, trained on the daily correlation.

Two hidden layers with SiLU. Rows of one day form one batch, and the loss is minus the correlation
of prediction and label across the day's symbols: what the score measures. Without days the loss is
the squared error over shuffled batches. Weights, order of batches and sums are fixed by the seed;
torch computes with one thread, because its thread count can change bits.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.errors import UserError
from tasks.models.trainers.base import choose

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tasks.arrays.devices import DeviceWish
    from tasks.models.config import TrainConfig

#: trees for which the network passes over the data once: it fits noise far sooner than trees do
ROUNDS_PER_PASS = 20
#: most rows in a batch where no days are given, and rows predicted at a time
BATCH = 4096
#: fewest rows in a batch, and batches that a pass over few rows is cut into
SMALLEST_BATCH, STEPS_PER_PASS = 32, 64
#: days in a batch: one day's correlation is too noisy a gradient
DAYS_PER_BATCH = 4
_LAYERS = ("0", "1", "2")


@dataclasses.dataclass
class PytorchModel:
    """The network; see `tasks.models.trainers.base.Model`.

    Attributes:
        weights: name to float32 tensor on the CPU; `scale.mean` and `scale.deviation` standardise
            the features and come from the training rows.
    """

    weights: dict[str, Any]
    device: str = "cpu"
    note: str = ""

    def predict(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Predictions (R,); missing features count as their training mean."""
        import torch

        torch.set_num_threads(1)
        out = np.empty(len(X))
        with torch.no_grad():
            for start in range(0, len(X), BATCH):
                rows = torch.from_numpy(np.array(X[start : start + BATCH], dtype=np.float32))
                inputs = _scaled(rows, self.weights)
                out[start : start + BATCH] = _forward(inputs, self.weights).numpy()
        return out

    def to_bytes(self) -> bytes:
        """Safetensors."""
        from safetensors.torch import save

        return bytes(save(self.weights))

    def importance(self) -> NDArray[np.float64]:
        """Mean squared slope of the output along each standardised feature, on training rows."""
        return np.asarray(self.weights["importance"].numpy(), dtype=np.float64)


def fit(
    config: TrainConfig,
    X: NDArray[np.float32],
    y: NDArray[np.float32],
    *,
    days: NDArray[np.int32] | None = None,
) -> PytorchModel:
    """Train on the asked device, or on the CPU with one sentence that says why."""
    import torch

    torch.set_num_threads(1)
    device, note = choose_device(config.device)
    random = np.random.default_rng(config.seed)
    weights = _start(random, X.shape[1], 4 * config.leaves)
    mean, deviation = _moments(X)
    weights |= {
        "scale.mean": torch.from_numpy(mean),
        "scale.deviation": torch.from_numpy(deviation),
    }
    place = "cuda" if device == "gpu" else "cpu"
    weights = {name: w.to(place) for name, w in weights.items()}
    learnt = [w.requires_grad_() for name, w in weights.items() if not name.startswith("scale.")]
    optimiser = torch.optim.AdamW(
        learnt, lr=config.learning_rate / 10, weight_decay=1e-5 * config.l2
    )
    for _ in range(max(1, config.rounds // ROUNDS_PER_PASS)):
        for rows, spans in _batches(random, len(y), days):
            inputs = _scaled(torch.from_numpy(X[rows]).to(place), weights)
            loss = _loss(_forward(inputs, weights), torch.from_numpy(y[rows]).to(place), spans)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    weights["importance"] = _sensitivity(X, weights, place)
    return PytorchModel({n: w.detach().cpu() for n, w in weights.items()}, device, note)


def load(content: bytes) -> PytorchModel:
    """Read safetensors."""
    import safetensors
    from safetensors.torch import load as read

    try:
        return PytorchModel(read(content))
    except safetensors.SafetensorError as error:
        raise UserError(
            f"{len(content)} bytes are no pytorch model of ours: train the model again"
        ) from error


def choose_device(asked: DeviceWish) -> tuple[str, str]:
    """`cpu` or `gpu`, and why it is not what was asked for (empty if it is)."""
    import torch

    device, note = choose(asked, "pytorch")
    if device == "gpu" and not torch.cuda.is_available():
        return "cpu", "pytorch trained on the CPU: this torch was built without CUDA."
    return device, note


def _start(random: np.random.Generator, features: int, width: int) -> dict[str, Any]:
    """He-normal weights and zero biases: features -> width -> width/2 -> 1."""
    import torch

    sizes = (features, width, max(width // 2, 1), 1)
    weights = {}
    for layer, (fan_in, fan_out) in zip(_LAYERS, itertools.pairwise(sizes), strict=True):
        draw = random.standard_normal((fan_out, fan_in)) * np.sqrt(2.0 / fan_in)
        weights[f"{layer}.weight"] = torch.from_numpy(draw.astype(np.float32))
        weights[f"{layer}.bias"] = torch.zeros(fan_out)
    return weights


def _moments(X: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and deviation of each feature over its finite values; 0 and 1 where there are none."""
    finite = np.isfinite(X)
    n = np.maximum(finite.sum(axis=0), 1)
    mean = np.where(finite, X, 0.0).sum(axis=0, dtype=np.float64) / n
    squares = (np.where(finite, X - mean, 0.0) ** 2).sum(axis=0, dtype=np.float64) / n
    deviation = np.sqrt(squares)
    return mean.astype(np.float32), np.where(deviation > 0, deviation, 1.0).astype(np.float32)


def _scaled(rows: Any, weights: dict[str, Any]) -> Any:
    """Standardise by the training rows' moments; a missing feature becomes 0, its mean."""
    scaled = (rows - weights["scale.mean"]) / weights["scale.deviation"]
    return scaled.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0).clamp(-10.0, 10.0)


def _forward(inputs: Any, weights: dict[str, Any]) -> Any:
    """Outputs (R,)."""
    import torch

    hidden = inputs
    for layer in _LAYERS[:-1]:
        linear = torch.nn.functional.linear(
            hidden, weights[f"{layer}.weight"], weights[f"{layer}.bias"]
        )
        hidden = torch.nn.functional.silu(linear)
    return torch.nn.functional.linear(hidden, weights["2.weight"], weights["2.bias"])[:, 0]


def _sensitivity(X: NDArray[np.float32], weights: dict[str, Any], place: str) -> Any:
    """Mean squared slope of the output along each scaled feature, over evenly spaced rows."""
    import torch

    rows = X[:: max(1, len(X) // BATCH)]
    inputs = _scaled(torch.from_numpy(rows.copy()).to(place), weights).detach().requires_grad_()
    (slopes,) = torch.autograd.grad(_forward(inputs, weights).sum(), inputs)
    return (slopes * slopes).mean(dim=0)


def _batches(
    random: np.random.Generator, rows: int, days: NDArray[np.int32] | None
) -> Iterator[tuple[NDArray[np.int64], list[tuple[int, int]]]]:
    """Rows of each batch and, where days are given, the range of each day inside the batch."""
    if days is None:
        order = random.permutation(rows)
        # a small set still needs enough steps in each pass
        size = min(BATCH, max(SMALLEST_BATCH, rows // STEPS_PER_PASS))
        for start in range(0, rows, size):
            yield np.sort(order[start : start + size]), []
        return
    starts = np.flatnonzero(np.r_[True, days[1:] != days[:-1]])
    stops = np.r_[starts[1:], rows]
    order = random.permutation(len(starts))
    for first in range(0, len(order), DAYS_PER_BATCH):
        chosen = order[first : first + DAYS_PER_BATCH]
        edges = np.cumsum(np.r_[0, stops[chosen] - starts[chosen]])
        picked = np.concatenate([np.arange(starts[d], stops[d]) for d in chosen])
        yield picked, list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def _loss(outputs: Any, labels: Any, spans: list[tuple[int, int]]) -> Any:
    """Minus the mean daily correlation, or the mean squared error where there are no days."""
    import torch

    if not spans:
        return torch.mean((outputs - labels) ** 2)
    daily = [_correlation(outputs[a:b], labels[a:b]) for a, b in spans]
    return -torch.stack(daily).mean()


def _correlation(x: Any, y: Any) -> Any:
    """Pearson's correlation; 0 (with a gradient of 0) where either has no spread."""
    x, y = x - x.mean(), y - y.mean()
    # the small constant keeps the root's gradient finite where a day has one symbol
    return (x * y).sum() / ((x * x).sum() * (y * y).sum() + 1e-12).sqrt()
