"""The vault: an interval of each data family whose scores no selection ever sees.

Sweeps, searches, factors and models are chosen on bars before the vault. The interval is fixed when
a family is first used and moves only by command; looking inside is a command too, with a reason,
and every look is kept and counted. A model that is fitted for tomorrow uses all bars up to tonight:
a fit chooses nothing.

Nothing here is overwritten: moves and openings are small files of their own, read in order.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import re
import uuid
from typing import TYPE_CHECKING

import numpy as np

from tasks.data.config import Day
from tasks.data.store import Store
from tasks.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: sessions of the interval that is fixed at first use, about a year
SESSIONS = 250
#: sessions before it without which there is nothing to select on, and no interval is fixed
LEAST_BEFORE = 500
_FIRST = "0-first-use.json"


@dataclasses.dataclass(frozen=True)
class Vault:
    """The interval of one family.

    Attributes:
        family: data family.
        start: first day inside, ISO; empty if there is no interval.
        end: last day inside, ISO.
        why: how it came about, one phrase.
    """

    family: str
    start: str = ""
    end: str = ""
    why: str = ""

    @property
    def digest(self) -> str:
        """Hash of the interval, 64 hex digits: what a night declares as its input."""
        return hashlib.sha256(f"{self.family}\0{self.start}\0{self.end}".encode()).hexdigest()

    def stop(self, dates: NDArray[np.datetime64]) -> int:
        """How many of ascending dates lie before the interval: all that selection may see."""
        return first_sealed(dates, self.start)

    def inside(self, dates: NDArray[np.datetime64]) -> NDArray[np.bool_]:
        """Which dates lie in the interval."""
        if not self.start:
            return np.zeros(len(dates), dtype=bool)
        return np.asarray((dates >= np.datetime64(self.start)) & (dates <= np.datetime64(self.end)))


@dataclasses.dataclass(frozen=True)
class Opening:
    """One look inside: when, why, and at which interval."""

    at: str
    reason: str
    start: str
    end: str


def first_sealed(dates: NDArray[np.datetime64], start: str) -> int:
    """Position of the first date that is not before the vault; all dates where there is none."""
    return int(np.searchsorted(dates, np.datetime64(start))) if start else len(dates)


def current(store: Store, family: str) -> Vault | None:
    """The family's interval; None if the family was never used."""
    moves = store.names(f"{_folder(family)}/moves")
    if not moves:
        return None
    found = json.loads(store.read_note(f"{_folder(family)}/moves/{moves[-1]}"))
    return Vault(family, found["start"], found["end"], found["why"])


def fixed(
    store: Store, family: str, dates: NDArray[np.datetime64], sessions: int = SESSIONS
) -> Vault:
    """The family's interval, fixed now as the last sessions of the data if it never was.

    Of several nights that use a new family at the same time the first one fixes it, and the others
    take what it fixed.

    Args:
        store: where it is recorded.
        family: data family.
        dates: ascending sessions of the data.
        sessions: length of the interval; 0 for none.
    """
    known = current(store, family)
    if known is not None:
        return known
    vault = Vault(family, why=_none(len(dates), sessions))
    if sessions and len(dates) >= sessions + LEAST_BEFORE:
        why = f"the last {sessions} sessions before the family's first night"
        vault = Vault(family, str(dates[-sessions]), str(dates[-1]), why)
    first = f"{_folder(family)}/moves/{_FIRST}"
    if not store.note_first(first, json.dumps(dataclasses.asdict(vault))):
        return current(store, family) or vault
    return vault


def move(store: Store, family: str, start: Day, end: Day, reason: str = "") -> Vault:
    """Set the interval by command; the one before stays on record.

    Selection sees every day before the interval. A later start shows it days that were sealed: that
    is an opening, counted as one, and needs a reason. An earlier one only seals more.

    Args:
        store: where it is recorded.
        family: data family.
        start: first day inside.
        end: last day inside.
        reason: why days that were sealed may be seen.

    Raises:
        UserError: the end lies before the start, or sealed days are shown without a reason.
    """
    for day in (start, end):
        _require_day(day)
    if end < start:
        raise UserError(f"the vault of {family!r} ends on {end}, before its start {start}: swap")
    vault = Vault(family, start, end, f"set by command on {_now()[:10]}")
    shown = _shown(current(store, family), vault)
    if shown is not None:
        if not reason.strip():
            raise UserError(
                f"a vault from {start} on shows {shown.start} to {shown.end} of {family!r}, which "
                "were sealed, to every later selection: give --reason, which counts as an opening"
            )
        opened(store, shown, reason)
    _record(store, vault, f"{_folder(family)}/moves/{_name()}")
    return vault


def _shown(before: Vault | None, after: Vault) -> Vault | None:
    """The sealed days that selection sees after a move; None if there are none."""
    if before is None or not before.start or after.start <= before.start:
        return None
    last = np.datetime64(after.start) - np.timedelta64(1, "D")
    return dataclasses.replace(before, end=min(before.end, str(last)))


def require_reason(vault: Vault, reason: str) -> None:
    """Refuse to open what is not there, or without a reason.

    Raises:
        UserError: no reason, or nothing to open.
    """
    if not vault.start:
        raise UserError(
            f"the family {vault.family!r} has no vault ({vault.why}): set one with qilin vault set"
        )
    if not reason.strip():
        raise UserError(
            f"the vault of {vault.family!r} is opened for a reason, and every later report counts "
            "it: give --reason"
        )


def opened(store: Store, vault: Vault, reason: str) -> Opening:
    """Put a look inside on record; every later report says how many there were.

    Raises:
        UserError: no reason, or nothing to open.
    """
    require_reason(vault, reason)
    opening = Opening(_now(), reason.strip(), vault.start, vault.end)
    text = json.dumps(dataclasses.asdict(opening))
    store.note(f"{_folder(vault.family)}/openings/{_name()}", text)
    return opening


def openings(store: Store, family: str) -> list[Opening]:
    """Every look inside so far, oldest first."""
    folder = f"{_folder(family)}/openings"
    return [Opening(**json.loads(store.read_note(f"{folder}/{n}"))) for n in store.names(folder)]


def families(store: Store) -> list[str]:
    """Families with a recorded interval, or with none on record."""
    found = []
    for folder in store.names("vault"):
        moves = store.names(f"vault/{folder}/moves")
        found += [
            json.loads(store.read_note(f"vault/{folder}/moves/{m}"))["family"] for m in moves[-1:]
        ]
    return sorted(found)


def _none(sessions: int, wanted: int) -> str:
    if not wanted:
        return "switched off by the settings"
    return f"{sessions} sessions are too few: {wanted} inside and {LEAST_BEFORE} before are needed"


def _record(store: Store, vault: Vault, uri: str) -> None:
    store.note(uri, json.dumps(dataclasses.asdict(vault)))


def _require_day(day: str) -> None:
    try:
        known = dt.date.fromisoformat(day).isoformat() == day
    except ValueError:
        known = False
    if not known:
        raise UserError(f"{day!r} is no day of the calendar: write one such as 2026-11-20")


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


def _name() -> str:
    """Sorts by time: later names come last, and after the first use."""
    return f"{dt.datetime.now(dt.UTC):1%Y%m%dT%H%M%S%f}-{uuid.uuid4().hex[:8]}.json"


def _folder(family: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9]+", "-", family).strip("-")[:40]
    return f"vault/{plain}-{hashlib.sha256(family.encode()).hexdigest()[:8]}"
