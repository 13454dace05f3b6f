"""The text of an expression as tokens with their places, and errors that mark a place."""

from __future__ import annotations

import dataclasses
import re

from tasks.errors import UserError

LONGEST_TEXT = 100_000
_SHOWN = 36  # characters shown on either side of a marked place

_TOKENS = re.compile(
    r"""(?P<space>\s+)
    |(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<point_in_time>\$\$\w+)
    |(?P<field>\$\w+)
    |(?P<name>[^\W\d]\w*)
    |(?P<string>'[^']*'|"[^"]*")
    |(?P<sign>\*\*|>=|<=|==|!=|[-+*/<>&|(),])
    """,
    re.VERBOSE,
)


@dataclasses.dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text: its kind, its characters and its place (from 0)."""

    kind: str
    text: str
    place: int


def tokens(text: str, name: str) -> list[Token]:
    """All tokens of an expression, ended by one of kind `end`; spaces drop out.

    `name` is the factor's, for errors: `UserError` for a text that is no expression or too long.
    """
    if not isinstance(text, str):
        raise UserError(
            f"factor {name!r} is {type(text).__name__}, not text: give an expression such as "
            "'Mean($close, 5) / $close'"
        )
    if len(text) > LONGEST_TEXT:
        cause = f"the text has {len(text):,} characters, the limit is {LONGEST_TEXT:,}: split it"
        raise fault(name, text, LONGEST_TEXT, cause)
    found = []
    place = 0
    while place < len(text):
        match = _TOKENS.match(text, place)
        if match is None:
            raise fault(name, text, place, f"{text[place]!r} is no part of the language")
        kind = str(match.lastgroup)
        if kind != "space":
            found.append(Token(kind, match.group(), place))
        place = match.end()
    found.append(Token("end", "", len(text)))
    return found


def fault(name: str, text: str, place: int, cause: str) -> UserError:
    """An error whose last lines show the text and mark the place in it."""
    begin, end = max(0, place - _SHOWN), min(len(text), place + _SHOWN)
    shown = "".join(" " if c.isspace() or not c.isprintable() else c for c in text[begin:end])
    head, tail = "... " if begin else "", " ..." if end < len(text) else ""
    mark = " " * (len(head) + place - begin) + "^"
    return UserError(
        f"factor {name!r}, character {place + 1}: {cause}\n  {head}{shown}{tail}\n  {mark}"
    )
