"""How an alert reads: `[STATE] what — how bad`, then since, effect, do, link.

The first line has at most 80 characters and makes sense alone on a phone. Times carry their zone;
line breaks in a part are flattened, so a stack trace never becomes a message.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from zoneinfo import ZoneInfo

from tasks.errors import UserError

#: the exchanges' time, in which every alert is written
ZONE = ZoneInfo("Asia/Shanghai")
FIRST_LINE = 80
#: a part longer than this is cut: alerts are read on phones, details are behind the link
PART = 600
#: environment variables whose values never appear in a message
_SECRET_NAMES = re.compile(r"(TOKEN|SECRET|PASSWORD|PASSWD|KEY|AUTH_STRING|WEBHOOK)$")
#: shorter values are words such as "none" that may stand in a message by chance
_SECRET_LENGTH = 8


def compose(
    state: str,
    what: str,
    how_bad: str = "",
    *,
    since: dt.datetime | None = None,
    effect: str = "",
    do: str = "",
    link: str = "",
    ended: dt.datetime | None = None,
) -> str:
    """The text of one alert.

    Args:
        state: PASS, WARN, FAIL, SKIP, UNKNOWN or RESOLVED.
        what: the problem; together with `how_bad` it makes the first line if that fits into 80
            characters, else `how_bad` gets its own line and a longer `what` is cut there.
        how_bad: size of the problem with units.
        since: when it began, aware.
        effect: what it does.
        do: what to do now.
        link: where to look.
        ended: when it was last seen to be over; gives the duration.
    """
    what, how_bad = _flat(what), _flat(how_bad)
    head = f"[{state}] {what}"
    both = f"{head} — {how_bad}" if how_bad else head
    fits = len(both) <= FIRST_LINE
    lines = [both if fits else _cut(head, FIRST_LINE)]
    if len(head) > FIRST_LINE:
        lines.append(f"what: {what}")
    if how_bad and not fits:
        lines.append(f"how bad: {how_bad}")
    if since is not None:
        lines.append(f"since: {clock(since)}{_lasted(since, ended)}")
    lines += [f"{name}: {_flat(text)}" for name, text in _tail(effect, do, link) if text]
    return "\n".join(lines)


def clock(moment: dt.datetime) -> str:
    """Day and time with zone in exchange time, such as `2026-11-20 21:34 +08:00`."""
    if moment.tzinfo is None:
        raise UserError(f"the alert's time {moment} has no zone: give an aware datetime")
    local = moment.astimezone(ZONE)
    return f"{local:%Y-%m-%d %H:%M} {local.isoformat()[-6:]}"


def duration(seconds: float) -> str:
    """A duration such as `12 min 03 s`, `3 h 05 min` or `4 s`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60:02d} min"


def redact(text: str, environ: Mapping[str, str]) -> str:
    """Replace the values of secret environment variables by `***`."""
    for secret in _secrets(environ):
        text = text.replace(secret, "***")
    return text


def shorten(text: str, limit: int) -> str:
    """Cut a text to a number of UTF-8 bytes, at a character's border, and say so."""
    if len(text.encode()) <= limit:
        return text
    mark = "\n… (cut)"
    return text.encode()[: limit - len(mark.encode())].decode(errors="ignore") + mark


def _tail(effect: str, do: str, link: str) -> tuple[tuple[str, str], ...]:
    return ("effect", effect), ("do", do), ("link", link)


def _lasted(since: dt.datetime, ended: dt.datetime | None) -> str:
    if ended is None:
        return ""
    return f", until {clock(ended)} ({duration((ended - since).total_seconds())})"


def _flat(text: str) -> str:
    return _cut(" ".join(text.split()), PART)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _secrets(environ: Mapping[str, str]) -> Iterable[str]:
    values = {v for k, v in environ.items() if _SECRET_NAMES.search(k.upper())}
    return sorted((v for v in values if len(v) >= _SECRET_LENGTH), key=len, reverse=True)
