"""Which session a night works on: resolved once per run, and the same after any retry."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from tasks.data.sources import registry
from tasks.errors import DataNotReadyError, UserError
from tasks.market import calendar

if TYPE_CHECKING:
    from flows._settings import NightlyConfig, SweepRunConfig
    from tasks.data.store import Store


def session_of(
    config: NightlyConfig | SweepRunConfig, run_id: str, scheduled: dt.datetime, store: Store
) -> str:
    """The night's session date, ISO, remembered under the run's id.

    A given `data_date` is taken as it is. Otherwise it is the last session that closed (exchange
    time) before the run's scheduled start, or the source's newest bar if that is older: files end
    where they end, and the report says how stale they are. The first answer is kept, so that a
    retry after midnight, or after new data came, works on the same night.
    """
    remembered = store.read_note(f"runs/sessions/{run_id}")
    if remembered:
        return remembered
    day = resolve(config, scheduled)
    remember(day, config, run_id, store)
    return day


def resolve(config: NightlyConfig | SweepRunConfig, scheduled: dt.datetime) -> str:
    """The session date that a run gets; looks at the source, writes nothing.

    Raises:
        UserError: the source cannot be read, or `data_date` is no session of the exchange.
        DataNotReadyError: the source does not reach `data_date`.
    """
    newest = registry.newest_session(config.data)
    if config.data_date:
        late = bool(newest) and config.data_date > newest
        if not late or config.data_date <= calendar.known_until():  # nobody knows later sessions
            _require_session(config)
        if late:
            raise DataNotReadyError(
                f"data date {config.data_date} is not there yet: source {config.data.source!r} "
                f"ends on {newest}; wait for the data, or ask for --data-date {newest}"
            )
        return config.data_date
    closed = str(calendar.last_closed_session(scheduled))
    return min(closed, newest) if newest else closed


def _require_session(config: NightlyConfig | SweepRunConfig) -> None:
    day = config.data_date
    if config.advanced.gate.calendar == "exchange" and not calendar.is_session(day):
        raise UserError(
            f"data date {day} is no session of the exchange: ask for --data-date "
            f"{calendar.previous_session(day)}, or set advanced.gate.calendar to none"
        )


def remember(day: str, config: NightlyConfig | SweepRunConfig, run_id: str, store: Store) -> None:
    """Keep a run's session date, folder and settings under its id, for retries and reruns."""
    store.note(f"runs/sessions/{run_id}", day)
    store.note(f"runs/settings/{run_id}", config.model_dump_json(indent=1))
    store.note(f"runs/folders/{run_id}", run_folder(day, config.size, run_id))


def forget(run_id: str, store: Store) -> None:
    """Let a run that had no turn have no folder: it is no night that broke off."""
    store.note(f"runs/folders/{run_id}", "")


def run_folder(day: str, size: str, run_id: str) -> str:
    """Folder of a run below the store: the same for every retry of the same flow run."""
    return f"runs/{day}/{size}-{run_id.replace('-', '')[:8]}"


def folder_of(run_id: str, store: Store) -> str:
    """Folder of a run that has begun, empty if it never got a session or had no turn."""
    return store.read_note(f"runs/folders/{run_id}")


def training_folder(day: str, run_id: str, store: Store) -> str:
    """Folder of a run that only trains, apart from the nights; remembered for every retry of it."""
    return _folder_apart("trainings", day, run_id, store)


def comparison_folder(day: str, run_id: str, store: Store) -> str:
    """Folder of a night between two others, likewise; it is nobody's last or previous night."""
    return _folder_apart("comparisons", day, run_id, store)


def _folder_apart(kind: str, day: str, run_id: str, store: Store) -> str:
    folder = f"{kind}/{day}/{run_id.replace('-', '')[:8]}"
    store.note(f"runs/folders/{run_id}", folder)
    return folder
