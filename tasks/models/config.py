"""Settings of the models: what is learnt, on which days, and how large the model is."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.arrays.devices import DeviceWish

ModelKind = Literal["lightgbm", "xgboost", "pytorch"]
LabelKind = Literal["open_to_open", "qlib"]
Transform = Literal["rank", "zscore", "none"]


class TrainConfig(BaseModel):
    """Walk-forward training: what is learnt, and on which days.

    Days are exchange sessions. The windows are `train | purge | valid | purge | test`, and the
    model is trained again for every test window.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: ModelKind = Field(
        "lightgbm",
        title="Model",
        description="lightgbm (default): gradient-boosted trees; xgboost: the same family, "
        "at home on a GPU; pytorch: a small neural network trained on the daily correlation.",
    )
    label: LabelKind = Field(
        "open_to_open",
        title="Label",
        description="What is predicted on day t. open_to_open (default): open(t+2)/open(t+1)-1, "
        "what an order filled at the next open earns; qlib: close(t+2)/close(t+1)-1.",
    )
    train_days: int = Field(
        0,
        ge=0,
        title="Training window (sessions)",
        description="Length of the rolling training window. 0 (default): expanding, every session "
        "since the first.",
    )
    min_train_days: int = Field(
        240,
        ge=20,
        title="Shortest training window (sessions)",
        description="The first test window starts once this many sessions can be trained on. "
        "Default 240, about one year.",
    )
    test_days: int = Field(
        120,
        ge=1,
        title="Test window (sessions)",
        description="Sessions scored by one model before it is trained again. Default 120, about "
        "half a year; halving it doubles the training time.",
    )
    valid_days: int = Field(
        40,
        ge=0,
        title="Validation window (sessions)",
        description="Sessions between training and test that are scored but never trained on; they "
        "show overfitting beside the test score. Default 40; 0 leaves them to the training.",
    )
    embargo: int = Field(
        0,
        ge=0,
        title="Embargo (sessions)",
        description="Extra sessions left out before each validation and test window, on top of the "
        "purge of every session that a training label reaches. Default 0.",
    )
    seed: int = Field(
        7,
        ge=0,
        le=2**31 - 1,
        title="Seed",
        description="Seed of every random choice in training. Same seed, same bits. Default 7.",
    )
    n_quantiles: int = Field(
        5,
        ge=2,
        le=20,
        title="Quantiles",
        description="Groups by predicted return in the return-by-quantile chart. Default 5.",
    )
    preprocess: Transform = Field(
        "rank",
        title="Feature transform",
        description="Per day across symbols, so that no bin and no scale sees another day. rank "
        "(default): to [-0.5, 0.5]; zscore: mean 0, deviation 1, cut at 3; none: as they are, and "
        "binned on the training window alone.",
    )
    label_transform: Transform = Field(
        "rank",
        title="Label transform",
        description="Per day across symbols. rank (default) learns the order and is not moved by "
        "one extreme return; zscore: cut at 3 deviations; none: raw returns.",
    )
    rounds: int = Field(
        60,
        ge=1,
        le=10_000,
        title="Rounds",
        description="Trees of lightgbm and xgboost; pytorch passes over the data a twentieth as "
        "often. Default 60. Training time grows in proportion.",
    )
    learning_rate: float = Field(
        0.05,
        gt=0,
        le=1,
        title="Learning rate",
        description="Share of each tree's correction that is kept. Default 0.05. pytorch uses a "
        "tenth of it.",
    )
    leaves: int = Field(
        15,
        ge=2,
        le=1024,
        title="Leaves",
        description="Leaves of a tree; width of pytorch's hidden layers is four times this. "
        "Default 15.",
    )
    min_leaf: int = Field(
        500,
        ge=1,
        title="Rows per leaf",
        description="Fewest training rows in a leaf. Daily returns are nearly noise, so leaves "
        "have to be large. Default 500.",
    )
    row_share: float = Field(
        0.5,
        gt=0,
        le=1,
        title="Row share",
        description="Share of the rows that each tree sees. Default 0.5.",
    )
    feature_share: float = Field(
        0.5,
        gt=0,
        le=1,
        title="Feature share",
        description="Share of the features that each tree may use. Default 0.5.",
    )
    l2: float = Field(
        10.0,
        ge=0,
        title="L2 penalty",
        description="Shrinks leaf values (trees) or weights (pytorch, times 1e-5). Default 10.",
    )
    bins: int = Field(
        63,
        ge=3,
        le=255,
        title="Bins",
        description="Values that a feature is cut into before trees are grown. Default 63.",
    )
    threads: int = Field(
        1,
        ge=1,
        le=256,
        title="Threads per model",
        description="Threads of one fold's training; folds run beside each other, so 1 (default) "
        "is fastest where there are as many folds as cores. pytorch always uses 1.",
    )
    device: DeviceWish = Field(
        "cpu",
        title="Device",
        description="cpu (default): the same bits on every machine; auto: a GPU if there is one, "
        "else the CPU; gpu: the same, for a machine that is meant to have one.",
    )
