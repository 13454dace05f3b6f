"""Optuna searches that can be killed: every trial is in a journal, and none depends on luck.

Sets are asked for in batches and scored beside each other. Each is drawn by a sampler of its own,
seeded with its turn, from what the journal says; so a search that is killed and goes on, on any
number of workers, tries the same sets. Without a journal it starts anew and still tries the same.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.backtest.combinations import family_of
from tasks.backtest.config import SweepConfig
from tasks.data.userfiles import UserFile
from tasks.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

#: sets drawn evenly before the sampler learns; with Optuna's own 10 it locks on a wrong value
STARTUP = 30
#: batches of a search at most: each waits for the one before
MOST_BATCHES = 40
#: drawings for each set that is wanted, as many are repeated or make no sense
_PATIENCE = 20
#: attribute of a drawing that became a trial
_TRIAL = "trial"


def batch_size(config: SweepConfig) -> int:
    """Sets in a batch."""
    return max(config.batch, -(-config.samples // MOST_BATCHES))


class Search:
    """One search, as far as it has got.

    Args:
        config: the settings.
        file: what `config.strategy_file` says.
        journal: local file that keeps the search; None keeps it in memory.
    """

    def __init__(
        self, config: SweepConfig, file: UserFile | None = None, journal: Path | None = None
    ) -> None:
        self._config = config
        self._family = family_of(config.strategy, file)
        grid = config.grid(file)
        self._ends = {n: (float(min(grid[n])), float(max(grid[n]))) for n in self._family.names}
        self._study = _study(journal)
        self._size = batch_size(config)

    def batch(self, number: int) -> Array:
        """Sets of a batch, float64 (k, P); none when all were tried, or the range holds no more.

        Batches are asked for from 0 on, each after the one before was told.

        Raises:
            UserError: the range holds no sensible set at all.
        """
        first = number * self._size
        stop = min(first + self._size, self._config.samples)
        if len(self._accepted()) < stop:
            self._draw(stop)
        accepted = self._accepted()
        if not accepted:
            raise UserError(
                f"the range of {self._family.name} holds no sensible set: {self._family.rule}"
            )
        rows = [self._row(trial.params) for trial in accepted[first:stop]]
        return np.array(rows, dtype=float).reshape(-1, len(self._family.names))

    def tell(self, number: int, scores: Array) -> None:
        """What the sets of a batch earned, in their order; NaN where it is not known."""
        import optuna

        first = number * self._size
        for trial, score in zip(self._accepted()[first : first + len(scores)], scores, strict=True):
            if trial.state.is_finished():
                continue  # told before the search was killed
            if np.isfinite(score):
                self._study.tell(trial.number, float(score))
            else:
                self._study.tell(trial.number, state=optuna.trial.TrialState.FAIL)

    def _accepted(self) -> list[Any]:
        trials = self._study.get_trials(deepcopy=False)
        return sorted((t for t in trials if _TRIAL in t.user_attrs), key=lambda t: t.number)

    def _draw(self, stop: int) -> None:
        """Draw until there are `stop` different sensible sets, or patience ends."""
        import optuna

        space = self._distributions()
        seen = {self._row(t.params) for t in self._accepted()}
        for trial in self._undecided():
            if space.keys() <= trial.params.keys():
                self._decide(trial.number, self._row(trial.params), seen)
            else:  # killed in the middle of the drawing: it counts for nothing
                self._study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        most = _PATIENCE * self._config.samples
        while len(seen) < stop and (drawings := self._drawings()) < most:
            seed = np.random.SeedSequence([self._config.seed, drawings]).generate_state(1)[0]
            self._study.sampler = optuna.samplers.TPESampler(
                seed=int(seed), n_startup_trials=STARTUP
            )
            drawn = self._study.ask(space)
            self._decide(drawn.number, self._row(drawn.params), seen)

    def _drawings(self) -> int:
        """How many sets were drawn whole so far."""
        trials = self._study.get_trials(deepcopy=False)
        return sum(len(t.params) == len(self._family.names) for t in trials)

    def _undecided(self) -> list[Any]:
        """What was drawn when the search was killed."""
        return [
            t for t in self._study.get_trials(deepcopy=False)
            if not t.state.is_finished() and _TRIAL not in t.user_attrs
        ]  # fmt: skip

    def _decide(self, number: int, row: tuple[float, ...], seen: set[tuple[float, ...]]) -> None:
        """Make a drawing a trial, unless it makes no sense or is one already."""
        import optuna

        if row in seen or not bool(self._family.sensible(np.array([row]))[0]):
            self._study.tell(number, state=optuna.trial.TrialState.FAIL)
            return
        storage = self._study._storage
        storage.set_trial_user_attr(
            storage.get_trial_id_from_study_id_trial_number(self._study._study_id, number),
            _TRIAL,
            len(seen),
        )
        seen.add(row)

    def _row(self, parameters: dict[str, Any]) -> tuple[float, ...]:
        """A set, fractions to three digits after the point."""
        return tuple(round(float(parameters[n]), 3) for n in self._family.names)

    def _distributions(self) -> dict[str, Any]:
        from optuna.distributions import FloatDistribution, IntDistribution

        return {
            p.name: IntDistribution(int(self._ends[p.name][0]), int(self._ends[p.name][1]))
            if p.whole
            else FloatDistribution(*self._ends[p.name])
            for p in self._family.parameters
        }


def _study(journal: Path | None) -> Any:
    import optuna
    from optuna.storages import InMemoryStorage, JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    logging.getLogger("optuna").setLevel(logging.WARNING)
    storage: Any = InMemoryStorage()
    if journal is not None:
        journal.parent.mkdir(parents=True, exist_ok=True)
        lock = JournalFileOpenLock(str(journal))
        # A killed search leaves its lock behind. Whoever works on it holds the caller's own lock.
        Path(f"{journal}.lock").unlink(missing_ok=True)
        storage = JournalStorage(JournalFileBackend(str(journal), lock_obj=lock))
    return optuna.create_study(
        storage=storage, study_name="search", direction="maximize", load_if_exists=True
    )
