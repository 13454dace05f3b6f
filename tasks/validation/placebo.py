"""Placebo: a model trained on labels shuffled within each day must find nothing.

Shuffling within the day keeps every day's distribution of labels and destroys only what belongs to
a symbol. If the score out of sample is still far from zero, labels reach the features some other
way.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from tasks.models.means import estimate_mean
from tasks.models.scores import daily_ic
from tasks.models.walkforward import walk_forward

if TYPE_CHECKING:
    from tasks.models.config import TrainConfig
    from tasks.models.dataset import Dataset

#: a placebo beyond this many standard errors is an alarm
LIMIT = 3.0


@dataclasses.dataclass(frozen=True)
class Placebo:
    """Scores of models trained on shuffled labels.

    Attributes:
        rank_ic: mean daily rank IC out of sample against the shuffled labels, one per seed.
        t: its Newey-West t, one per seed.
        limit: |t| that none may reach.
    """

    rank_ic: tuple[float, ...]
    t: tuple[float, ...]
    limit: float = LIMIT

    @property
    def ok(self) -> bool:
        """Whether every seed stayed below the limit; False where one could not be scored."""
        return bool(self.t) and all(abs(t) < self.limit for t in self.t)

    @property
    def sentence(self) -> str:
        """The finding in one sentence."""
        worst = max(self.t, key=abs, default=float("nan"))
        found = "nothing, as it must" if self.ok else "something: labels reach the features"
        return (
            f"trained on labels shuffled within each day, the model finds {found} "
            f"(largest t {worst:.2f}, limit {self.limit:g}, {len(self.t)} seeds)"
        )


def placebo(
    dataset: Dataset, config: TrainConfig, *, seeds: tuple[int, ...] = (1,), stop: int | None = None
) -> Placebo:
    """Train walk-forward on shuffled labels, once per seed.

    Args:
        dataset: the night's dataset.
        config: its settings.
        seeds: of the shuffles.
        stop: first session that may not be used, such as the vault's first.
    """
    found = []
    for seed in seeds:
        mixed = shuffle_labels(dataset, seed)
        walk = walk_forward(mixed, config, stop=stop)
        returns = mixed.grid(mixed.returns, slice(0, len(mixed.day)))
        found.append(estimate_mean(daily_ic(walk.predictions, returns, ranked=True)))
    return Placebo(tuple(e.mean for e in found), tuple(e.t for e in found))


def shuffle_labels(dataset: Dataset, seed: int) -> Dataset:
    """The dataset with each day's known labels dealt out anew among the symbols that have one."""
    random = np.random.default_rng(seed)
    known = np.flatnonzero(~np.isnan(dataset.y))
    # sorting by (day, random) shuffles all days at once
    dealt = known[np.lexsort((random.random(len(known)), dataset.day[known]))]
    y, returns = dataset.y.copy(), dataset.returns.copy()
    y[known], returns[known] = dataset.y[dealt], dataset.returns[dealt]
    return dataclasses.replace(dataset, y=y, returns=returns)
