"""The outbox: every alert is written down before anybody is told, and told once.

One message per problem: a repeat is sent only when it is worse or twelve hours old, and an end
gives one RESOLVED message with the duration. Messages wait in SQLite until each channel accepted
them, so a sink that is down loses nothing, not even alerts that ended meanwhile, and a killed
process resends after its lease. Delivery is at least once: if a process dies between acceptance
and the note of it, the message goes out again with the same id.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tasks import settings
from tasks.errors import EnvironmentFaultError
from tasks.monitor.alerts import Alert, AlertLevel, now
from tasks.monitor.senders import Sender
from tasks.monitor.wording import compose, redact

REPEAT_AFTER = dt.timedelta(hours=12)
#: severity must grow by this factor to count as worse
WORSE = 1.1

_TABLES = """
create table if not exists problems (
    key text primary key, level integer, severity real, since text, sent real,
    what text, how_bad text, at_once integer, type text, symbol text);
create table if not exists messages (
    id integer primary key, uid text, channel text, state text, text text, type text,
    symbol text, at_once integer, created real, attempts integer default 0,
    leased_until real default 0, delivered real);
create index if not exists waiting on messages (channel, delivered);
create table if not exists attempts (channel text, at real);
create table if not exists channels (name text primary key, blocked_until real);
create table if not exists silences (prefix text, until real, reason text);
"""


@dataclasses.dataclass(frozen=True)
class Problem:
    """A problem that is open."""

    key: str
    level: AlertLevel
    what: str
    how_bad: str
    since: dt.datetime


class Outbox:
    """Durable record of problems and of the messages about them; safe among threads, processes.

    Args:
        path: SQLite file; by default below `QILIN_HOME`; `:memory:` keeps nothing.
        senders: the channels; each message waits for each of them.
        repeat_after: age at which a standing problem is told again.
        environ: where secrets are looked up that must not appear in a message.
    """

    def __init__(
        self,
        path: str | Path | None = None,
        senders: Sequence[Sender] = (),
        *,
        repeat_after: dt.timedelta = REPEAT_AFTER,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.path = str(path or settings.local_home() / "monitor" / "outbox.sqlite")
        self.senders = tuple(senders)
        self._repeat_after = repeat_after.total_seconds()
        self._environ = environ
        self._lock = threading.RLock()
        self._connection = self._open()

    def post(self, alert: Alert, *, at_once: bool | None = None) -> bool:
        """Write an alert down; whether it is news and people will be told.

        FAIL goes out with the next delivery, lower levels wait for the end of the night, unless
        `at_once` says otherwise.
        """
        return self.post_all([alert], at_once=at_once) == 1

    def post_all(self, alerts: Iterable[Alert], *, at_once: bool | None = None) -> int:
        """Write many alerts down, all or none; how many of them are news."""
        with self.transaction() as db:
            return sum([self._post(db, alert, at_once) for alert in alerts])

    def _post(self, db: sqlite3.Connection, alert: Alert, at_once: bool | None) -> bool:
        soon = alert.level >= AlertLevel.ERROR if at_once is None else at_once
        known = db.execute("select * from problems where key = ?", (alert.problem,)).fetchone()
        silent = _silenced(db, alert.problem)
        news = not silent and (known is None or self._again(known, alert))
        since = alert.since if known is None else dt.datetime.fromisoformat(known["since"])
        _remember(db, alert, since, soon, told=news, known=known)
        if news:
            text = dataclasses.replace(alert, since=since).message
            self._queue(db, alert.level.state, text, alert.type, alert.symbol, soon)
        return news

    def resolve(self, key: str, *, when: dt.datetime | None = None) -> bool:
        """Close a problem and tell how long it lasted; False if it was not open."""
        with self.transaction() as db:
            known = db.execute("select * from problems where key = ?", (key,)).fetchone()
            if known is None:
                return False
            db.execute("delete from problems where key = ?", (key,))
            if known["sent"]:  # who was never told of it needs no end of it
                text = compose(
                    "RESOLVED",
                    known["what"],
                    "no longer seen",
                    since=dt.datetime.fromisoformat(known["since"]),
                    ended=when or now(),
                )
                kind, symbol = known["type"], known["symbol"]
                self._queue(db, "RESOLVED", text, kind, symbol, bool(known["at_once"]))
        return True

    def forget(self, key: str) -> None:
        """Close a problem without a message: an event that was over when it was told."""
        with self.transaction() as db:
            db.execute("delete from problems where key = ?", (key,))

    def open_problems(self) -> list[Problem]:
        """What is wrong now, worst first."""
        with self.transaction() as db:
            rows = db.execute("select * from problems order by level desc, since").fetchall()
        return [
            Problem(
                row["key"],
                AlertLevel(row["level"]),
                row["what"],
                row["how_bad"],
                dt.datetime.fromisoformat(row["since"]),
            )
            for row in rows
        ]

    def silence(self, prefix: str, until: dt.datetime, reason: str) -> None:
        """Tell nobody about problems whose name starts so, until a moment; they stay recorded."""
        with self.transaction() as db:
            db.execute("insert into silences values (?, ?, ?)", (prefix, until.timestamp(), reason))

    def waiting(self, channel: str | None = None) -> int:
        """How many messages no channel, or the named one, has accepted yet."""
        with self.transaction() as db:
            query = "select count(*) from messages where delivered is null"
            if channel is None:
                return int(db.execute(query).fetchone()[0])
            return int(db.execute(query + " and channel = ?", (channel,)).fetchone()[0])

    def prune(self, older_than: dt.timedelta = dt.timedelta(days=30)) -> int:
        """Forget messages delivered longer ago, and past silences; how many messages went."""
        limit = time.time() - older_than.total_seconds()
        with self.transaction() as db:
            db.execute("delete from silences where until < ?", (limit,))
            return db.execute("delete from messages where delivered < ?", (limit,)).rowcount

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Outbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One immediate transaction; a full disk or a lock held too long is the machine's fault."""
        with self._lock:
            try:
                self._connection.execute("begin immediate")
                try:
                    yield self._connection
                except BaseException:
                    self._connection.rollback()
                    raise
                self._connection.commit()
            except sqlite3.Error as error:
                raise EnvironmentFaultError(
                    f"the alert outbox {self.path} cannot be used ({error}): free space, fix its "
                    "permissions, or move a damaged file away"
                ) from error

    def _open(self) -> sqlite3.Connection:
        try:
            if self.path != ":memory:":
                Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(
                self.path, timeout=10, isolation_level=None, check_same_thread=False
            )
            db.row_factory = sqlite3.Row
            try:
                db.execute("pragma journal_mode = wal")
                db.execute("pragma synchronous = full")  # a told alert must survive a power cut
                db.executescript(_TABLES)
            except sqlite3.Error:
                db.close()
                raise
        except (sqlite3.Error, OSError) as error:
            raise EnvironmentFaultError(
                f"the alert outbox {self.path} cannot be opened ({error}): fix its permissions, "
                "or move a damaged file away"
            ) from error
        return db

    def _again(self, known: sqlite3.Row, alert: Alert) -> bool:
        worse = bool(alert.level > known["level"] or alert.severity > WORSE * known["severity"] > 0)
        return worse or bool(time.time() - known["sent"] >= self._repeat_after)

    def _queue(
        self, db: sqlite3.Connection, state: str, text: str, kind: str, symbol: str, soon: bool
    ) -> None:
        text = redact(text, self._environ)
        uid = uuid.uuid4().hex
        db.executemany(
            "insert into messages (uid, channel, state, text, type, symbol, at_once, created)"
            " values (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (uid, sender.name, state, text, str(kind), symbol, int(soon), time.time())
                for sender in self.senders
            ],
        )


def _silenced(db: sqlite3.Connection, key: str) -> bool:
    rows = db.execute("select prefix from silences where until > ?", (time.time(),))
    return any(key.startswith(row["prefix"]) for row in rows)


def _remember(
    db: sqlite3.Connection, alert: Alert, since: dt.datetime, soon: bool, *, told: bool, known: Any
) -> None:
    """Keep the level and severity that people were last told; growth is measured from there."""
    if known is not None and not told:
        db.execute("update problems set how_bad = ? where key = ?", (alert.how_bad, alert.problem))
        return
    sent = time.time() if told else 0.0  # silenced: told as soon as the silence ends
    db.execute(
        "insert or replace into problems values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            alert.problem, int(alert.level), alert.severity, since.isoformat(), sent, alert.what,
            alert.how_bad, int(soon), str(alert.type), alert.symbol,
        ),
    )  # fmt: skip
