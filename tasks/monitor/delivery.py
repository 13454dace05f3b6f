"""Delivery: hand what waits in the outbox to the channels, in few messages, within their limits."""

from __future__ import annotations

import dataclasses
import sqlite3
import time
import uuid
from collections import Counter
from collections.abc import Sequence

from tasks.monitor.outbox import Outbox
from tasks.monitor.senders import DeliveryError, Message, Sender
from tasks.monitor.wording import FIRST_LINE

#: more waiting messages than this go out as one
SINGLES = 3
#: first lines that a grouped message shows; the rest is counted
DETAILS = 50
#: while a process delivers, nobody else touches its messages; longer than any attempt takes
_LEASE = 60.0
#: seconds between attempts double from the first to the last of these
_FIRST_WAIT, _LAST_WAIT = 5.0, 600.0
_LOUDNESS = ("FAIL", "WARN", "UNKNOWN", "RESOLVED", "SKIP", "PASS")


@dataclasses.dataclass(frozen=True)
class Delivered:
    """What a delivery did: messages sent per channel, problems in sentences, what still waits."""

    sent: dict[str, int]
    faults: tuple[str, ...]
    waiting: int


def deliver(outbox: Outbox, *, end_of_night: bool = False, patience: bool = True) -> Delivered:
    """Send what is due; a channel that refuses keeps its messages for the next call.

    Args:
        outbox: what waits, and the channels.
        end_of_night: also send what was held for the one message at the end of the night.
        patience: respect the growing wait after failed attempts; without it, try now. A
            channel's own rate limit is always respected.
    """
    sent: dict[str, int] = {}
    faults: list[str] = []
    for sender in outbox.senders:
        try:
            sent[sender.name] = _deliver_to(outbox, sender, end_of_night, patience)
        except DeliveryError as error:
            faults.append(str(error))
    return Delivered(sent, tuple(faults), outbox.waiting())


def group(texts: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """State and text of one message about many (state, text) pairs, the loudest first."""
    ordered = sorted(texts, key=lambda pair: _loudness(pair[0]))
    counts = Counter(state for state, _ in ordered)
    parts = ", ".join(
        f"{n:,} {s}" for s, n in sorted(counts.items(), key=lambda c: _loudness(c[0]))
    )
    state = ordered[0][0]
    lines = [f"[{state}] {len(ordered):,} alerts — {parts}"[:FIRST_LINE]]
    lines += [text.split("\n", 1)[0] for _, text in ordered[:DETAILS]]
    if len(ordered) > DETAILS:
        lines.append(f"and {len(ordered) - DETAILS:,} more, in the outbox and the metrics")
    return state, "\n".join(lines)


def _deliver_to(outbox: Outbox, sender: Sender, end_of_night: bool, patience: bool) -> int:
    count = 0
    due = _lease(outbox, sender, end_of_night, patience)
    try:
        while due:
            batch = due[:1] if len(due) <= SINGLES else due
            if not _within_rate(outbox, sender):
                break
            _send(outbox, sender, batch)
            count += 1
            due = due[len(batch) :]
    finally:
        _release(outbox, due)
    return count


def _send(outbox: Outbox, sender: Sender, batch: Sequence[sqlite3.Row]) -> None:
    try:
        sender.send(_message(batch))
    except DeliveryError as error:
        _note_refusal(outbox, sender, batch, error.retry_after)
        raise
    with outbox.transaction() as db:
        db.executemany(
            "update messages set delivered = ? where id = ?",
            [(time.time(), row["id"]) for row in batch],
        )


def _message(batch: Sequence[sqlite3.Row]) -> Message:
    if len(batch) == 1:
        row = batch[0]
        facts = {"type": row["type"], "symbol": row["symbol"]}
        return Message(row["text"], row["state"], row["uid"], facts)
    state, text = group([(row["state"], row["text"]) for row in batch])
    name = ",".join(row["uid"] for row in batch)
    return Message(text, state, uuid.uuid5(uuid.NAMESPACE_OID, name).hex, {"count": len(batch)})


def _lease(outbox: Outbox, sender: Sender, end_of_night: bool, patience: bool) -> list[sqlite3.Row]:
    """Take the due messages of a channel for a minute, so that two processes never send both."""
    now = time.time()
    with outbox.transaction() as db:
        blocked = db.execute(
            "select blocked_until from channels where name = ?", (sender.name,)
        ).fetchone()
        if blocked is not None and blocked[0] > now:
            return []
        rows = db.execute(
            "select * from messages where channel = ? and delivered is null"
            " and leased_until <= ? and (at_once or ?) order by id",
            (sender.name, now, end_of_night),
        ).fetchall()
        if patience and rows and _too_early(db, sender, max(r["attempts"] for r in rows), now):
            return []
        db.executemany(
            "update messages set leased_until = ? where id = ?",
            [(now + _LEASE, row["id"]) for row in rows],
        )
    return rows


def _too_early(db: sqlite3.Connection, sender: Sender, attempts: int, now: float) -> bool:
    """Whether the wait after the last refused attempt is not over."""
    if attempts == 0:
        return False
    last = db.execute("select max(at) from attempts where channel = ?", (sender.name,)).fetchone()
    wait = min(_FIRST_WAIT * 2.0 ** (attempts - 1), _LAST_WAIT)
    return last[0] is not None and now - last[0] < wait


def _within_rate(outbox: Outbox, sender: Sender) -> bool:
    """Note an attempt if the channel takes one more in this minute; shared by all processes."""
    now = time.time()
    with outbox.transaction() as db:
        db.execute("delete from attempts where at < ?", (now - _LAST_WAIT,))
        used = db.execute(
            "select count(*) from attempts where channel = ? and at > ?", (sender.name, now - 60)
        ).fetchone()[0]
        if used >= sender.per_minute:
            return False
        db.execute("insert into attempts values (?, ?)", (sender.name, now))
    return True


def _note_refusal(
    outbox: Outbox, sender: Sender, batch: Sequence[sqlite3.Row], retry_after: float
) -> None:
    with outbox.transaction() as db:
        db.executemany(
            "update messages set attempts = attempts + 1 where id = ?",
            [(row["id"],) for row in batch],
        )
        db.execute(
            "insert or replace into channels values (?, ?)",
            (sender.name, time.time() + retry_after),
        )


def _release(outbox: Outbox, rows: Sequence[sqlite3.Row]) -> None:
    with outbox.transaction() as db:
        db.executemany(
            "update messages set leased_until = 0 where id = ? and delivered is null",
            [(row["id"],) for row in rows],
        )


def _loudness(state: str) -> int:
    return _LOUDNESS.index(state) if state in _LOUDNESS else len(_LOUDNESS)
