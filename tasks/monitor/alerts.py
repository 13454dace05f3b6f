"""What an alert is: one problem, how bad it is, and what to do about it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum

from tasks.monitor.wording import compose


class AlertLevel(enum.IntEnum):
    """How loud an alert is; ordered, so that levels compare."""

    INFO = 0
    WARNING = 1
    ERROR = 2
    CRITICAL = 3

    @property
    def state(self) -> str:
        """The word of the state vocabulary: PASS, WARN or FAIL."""
        return ("PASS", "WARN", "FAIL", "FAIL")[self]


class AlertType(enum.StrEnum):
    """What an alert is about."""

    PRICE = "price"
    ANOMALY = "anomaly"
    VOLATILITY = "volatility"
    PERFORMANCE = "performance"
    SYSTEM = "system"
    DATA = "data"
    MODEL = "model"
    NIGHT = "night"


def now() -> dt.datetime:
    """The current time, aware."""
    return dt.datetime.now(dt.UTC)


@dataclasses.dataclass(frozen=True)
class Alert:
    """One problem at one moment.

    Attributes:
        type: what it is about.
        level: how loud it is.
        what: the problem in a few words, meaningful alone on a phone.
        how_bad: its size with units, such as `4,902 of 5,132 stocks`.
        since: when it began, aware.
        effect: what it does to the night or to the user.
        do: what to do now.
        link: where to look.
        symbol: the symbol it is about, empty for none.
        value: the number that raised it, in the unit that `how_bad` names.
        severity: how bad it is as a number; a repeat is sent early only when it grows by a tenth.
        key: name of the problem, the same for every alert about it; by default the type, the
            symbol and `what`.
    """

    type: AlertType
    level: AlertLevel
    what: str
    how_bad: str = ""
    since: dt.datetime = dataclasses.field(default_factory=now)
    effect: str = ""
    do: str = ""
    link: str = ""
    symbol: str = ""
    value: float | None = None
    severity: float = 0.0
    key: str = ""

    @property
    def problem(self) -> str:
        """Name of the problem, by which alerts are recognised as repeats."""
        return self.key or f"{self.type}:{self.symbol}:{self.what}"

    @property
    def message(self) -> str:
        """The whole text, first line at most 80 characters."""
        return compose(
            self.level.state,
            self.what,
            self.how_bad,
            since=self.since,
            effect=self.effect,
            do=self.do,
            link=self.link,
        )
