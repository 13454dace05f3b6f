"""Sentences in two languages, and what keeps private things out of them.

Everything that people read is a `Words`: a plain string, which shows unchanged in both languages
(names, symbols, hashes), or a `Text` with an English and a Chinese side.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Final, Literal

Language = Literal["en", "zh"]

#: folders that name a user, credentials in addresses, and values of secret-looking settings
_PRIVATE: Final = (
    (re.compile(r"(?:(?<![\w.~-])/(?:home|Users)/|[A-Za-z]:\\Users\\)[^/\\\s'\":,;)]+"), "~"),
    (re.compile(r"(?<![\w.~-])/root(?=[/\s'\":,;)]|$)"), "~"),
    (re.compile(r"://[^/\s:@]+:[^/\s@]+@"), "://…@"),
    (
        re.compile(
            r"(?i)\b([\w-]*(?:token|passw(?:or)?d|secret|api_?key|authorization))(\s*[=:]\s*)\S+"
        ),
        r"\1\2…",
    ),
)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@dataclasses.dataclass(frozen=True)
class Text:
    """One sentence in English (`en`) and Chinese (`zh`)."""

    en: str
    zh: str


Words = str | Text


def pick(words: Words, language: Language = "en") -> str:
    """The side of one language; a plain string is the same in both."""
    if isinstance(words, str):
        return words
    return words.zh if language == "zh" else words.en


def say(en: str, zh: str, **values: Words) -> Text:
    """Fill both templates (`str.format`); values that are `Text` give each side its own."""
    return Text(
        en.format(**{k: pick(v, "en") for k, v in values.items()}),
        zh.format(**{k: pick(v, "zh") for k, v in values.items()}),
    )


def join(parts: Sequence[Words], *, last: bool = False) -> Words:
    """Parts as a list: `a, b, c` and `a、b、c`; with `last`, `a, b and c` and `a、b和c`."""
    if not parts:
        return ""
    return Text(
        _join([pick(p, "en") for p in parts], ", ", " and " if last else ", "),
        _join([pick(p, "zh") for p in parts], "、", "和" if last else "、"),
    )


def _join(parts: Sequence[str], comma: str, final: str) -> str:
    if len(parts) == 1:
        return parts[0]
    return comma.join(parts[:-1]) + final + parts[-1]


def capital(words: Words) -> Words:
    """With a capital first letter, as a sentence starts."""
    english = pick(words, "en")
    return Text(english[:1].upper() + english[1:], pick(words, "zh"))


def shorten(words: Words, most: int) -> Words:
    """At most so many characters, an ellipsis in place of what is cut."""
    english, chinese = pick(words), pick(words, "zh")
    if len(english) <= most and len(chinese) <= most:
        return words
    return Text(
        english if len(english) <= most else english[: most - 1].rstrip() + "…",
        chinese if len(chinese) <= most else chinese[: most - 1].rstrip() + "…",
    )


def is_empty(words: Words) -> bool:
    """Whether there is nothing to read."""
    return not pick(words)


def plural(n: int, one: str, many: str) -> str:
    """The English word that fits a count."""
    return one if n == 1 else many


def scrub(value: str) -> str:
    """Without control characters, names of home folders, credentials and direction overrides."""
    value = _CONTROL.sub("", value)
    for pattern, replacement in _PRIVATE:
        value = pattern.sub(replacement, value)
    return value
