"""Corrections to the exchange calendar, as data. Edit here when the exchanges publish a notice.

exchange-calendars knows mainland sessions up to a fixed day; the exchanges publish a year's
holidays in November or December before it. A year listed in `HOLIDAYS` is complete: every weekday
that is not listed is a session.
"""

#: Year beyond what exchange-calendars knows -> weekdays on which the exchanges are closed.
HOLIDAYS: dict[int, tuple[str, ...]] = {}

#: Weekdays inside the known years that turned out to be closed.
EXTRA_CLOSED: tuple[str, ...] = ()

#: Days inside the known years that turned out to be sessions.
EXTRA_OPEN: tuple[str, ...] = ()
