"""Which session a night works on: resolved once per run, and the same after any retry."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from tasks.data.sources import registry
from tasks.errors import DataNotReadyError
from tasks.market import calendar

if TYPE_CHECKING:
    from flows._settings import NightlyConfig
    from tasks.data.store import Store


def session_of(config: NightlyConfig, run_id: str, scheduled: dt.datetime, store: Store) -> str:
    """The night's session date, ISO, remembered under the run's id.

    A given `data_date` is taken as it is. Otherwise it is the last session that closed (exchange
    time) before the run's scheduled start, or the source's newest bar if that is older: files end
    where they end, and the report says how stale they are. The first answer is kept, so that a
    retry after midnight, or after new data came, works on the same night.
    """
    uri = f"runs/sessions/{run_id}"
    remembered = store.read_note(uri)
    if remembered:
        return remembered
    newest = registry.newest_session(config.data)
    if config.data_date:
        if newest and config.data_date > newest:
            raise DataNotReadyError(
                f"data date {config.data_date} is not there yet: source {config.data.source!r} "
                f"ends on {newest}; wait for the data, or ask for --data-date {newest}"
            )
        day = config.data_date
    else:
        closed = str(calendar.last_closed_session(scheduled))
        day = min(closed, newest) if newest else closed
    store.note(uri, day)
    store.note(f"runs/folders/{run_id}", run_folder(day, config.size, run_id))
    return day


def run_folder(day: str, size: str, run_id: str) -> str:
    """Folder of a run below the store: the same for every retry of the same flow run."""
    return f"runs/{day}/{size}-{run_id.replace('-', '')[:8]}"


def folder_of(run_id: str, store: Store) -> str:
    """Folder of a run that has begun, empty if it never got a session."""
    return store.read_note(f"runs/folders/{run_id}")
