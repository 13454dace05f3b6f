"""Leak check: whatever is computed for a day may not change when the days after it change.

A function of a panel is evaluated on the whole panel, on panels that end at a cut, and on panels
whose days after the cut are poisoned. Values up to the cut must be equal, bit for bit; the first
cell that is not is named. Early in the calendar the future is only poisoned: a function may refuse
a panel of five days. The check is only worth its alarm, so functions with a known leak are checked
beside it on every night: each of them must be caught.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tasks.errors import QilinError, UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.data.panel import Panel

    Array = NDArray[np.float64]

Compute = Callable[["Panel"], Mapping[str, "Array"]]
Change = Callable[["Panel", int, np.random.Generator], "Panel"]
#: cuts at about these places of the calendar, moved a little by the seed
PLACES = (0.55, 0.75, 0.95)
#: rows of early cuts: for scales and thresholds that the first days take from the first weeks or
#: months, and for first days that are filled from the next ones
EARLY = (1, 5, 20, 60, 120)
#: what is done to the future at an early cut: the panel keeps its length
LASTING = ("scaled", "missing")


@dataclasses.dataclass(frozen=True)
class Leak:
    """The first cell of one output that a change of the future moved.

    Attributes:
        name: of the output.
        change: what was done to the future: `truncated`, `scaled`, `missing` or `shuffled`.
        cut: first day that was changed or removed.
        date, symbol: the cell.
        before, after: its value with the true future and with the changed one.
    """

    name: str
    change: str
    cut: str
    date: str
    symbol: str
    before: float
    after: float

    @property
    def values(self) -> tuple[str, str]:
        """Before and after, with as many digits as show that they differ."""
        short = f"{self.before:.6g}", f"{self.after:.6g}"
        return short if short[0] != short[1] else (repr(self.before), repr(self.after))

    @property
    def sentence(self) -> str:
        """What leaks, where, and what that means."""
        before, after = self.values
        return (
            f"{self.name} on {self.date} for {self.symbol} is {before} and becomes "
            f"{after} when the bars from {self.cut} on are {self.change}: it uses data "
            "from the future"
        )


@dataclasses.dataclass(frozen=True)
class LeakReport:
    """Outcome of a leak check.

    Attributes:
        leaks: at most one for each output and kind of change.
        names: outputs checked.
        cuts: first changed days.
        evaluations: how often the function was computed.
    """

    leaks: tuple[Leak, ...]
    names: tuple[str, ...]
    cuts: tuple[str, ...]
    evaluations: int

    @property
    def ok(self) -> bool:
        """Whether nothing leaked."""
        return not self.leaks

    @property
    def sentence(self) -> str:
        """The finding in one sentence."""
        if self.ok:
            return f"{len(self.names)} outputs at {len(self.cuts)} cuts: none uses the future"
        leaking = len({leak.name for leak in self.leaks})
        return f"{leaking} of {len(self.names)} outputs leak; first: {self.leaks[0].sentence}"


def check(
    fn: Compute,
    panel: Panel,
    *,
    cuts: Sequence[int] | None = None,
    early: Sequence[int] | None = None,
    seed: int = 7,
) -> LeakReport:
    """Look for outputs that depend on the future.

    Args:
        fn: panel to {name: T x N}; it must accept shorter panels, and cannot write into them.
        panel: bars; at least 20 days.
        cuts: first changed rows; three places of the calendar by default.
        early: more of them, where the panel keeps its length; by default the rows `EARLY` before
            the first cut, none beside cuts that are given.
        seed: of the cuts and of the poison.

    Raises:
        UserError: a cut outside the calendar, an output of another shape, a set of outputs that
            depends on the panel's length, or a function that writes into the panel. What else `fn`
            raises is passed on.
    """
    random = np.random.default_rng(seed)
    days = panel.shape[0]
    where = _places(days, random) if cuts is None else list(cuts)
    if early is None:
        early = [row for row in EARLY if where and row < where[0]] if cuts is None else []
    outside = [c for c in (*where, *early) if not 0 < c < days]
    if outside or not where:
        raise UserError(
            f"leak check of {days} days cannot cut at {outside or where}: choose rows from 1 to "
            f"{days - 1} of a panel with at least 20 days"
        )
    trials = [
        *itertools.product(where, CHANGES),
        *itertools.product(early, [change for change in LASTING if change in CHANGES]),
    ]

    def other(cut: int, change: str) -> Mapping[str, Array]:
        return _outputs(fn, CHANGES[change](panel, cut, random))

    # the first trial comes before the whole panel: a function that keeps what it saw first has then
    # seen no future
    ahead = other(*trials[0])
    whole = _outputs(fn, panel)
    found: dict[tuple[str, str], Leak] = {}
    for number, (cut, change) in enumerate(trials):
        changed = other(cut, change) if number else ahead
        if set(changed) != set(whole):
            odd = sorted(set(changed) ^ set(whole))[0]
            raise UserError(
                f"output {odd!r} appears or vanishes when the bars from {panel.dates[cut]} on are "
                f"{change}: give the same outputs for every panel"
            )
        for name, values in whole.items():
            leak = _first_change(name, change, cut, values, changed[name], panel)
            if leak and (name, change) not in found:
                found[name, change] = leak
    return LeakReport(
        leaks=tuple(found.values()),
        names=tuple(whole),
        cuts=tuple(str(panel.dates[c]) for c in (*where, *early)),
        evaluations=1 + len(trials),
    )


def truncated(panel: Panel, cut: int, random: np.random.Generator) -> Panel:
    """Without the days from the cut on."""
    del random
    return panel.rows(slice(0, cut))


def scaled(panel: Panel, cut: int, random: np.random.Generator) -> Panel:
    """Every number from the cut on times a factor of its own day and symbol, 0.2 to 5."""

    def poison(values: Array) -> Array:
        return values * np.exp(random.uniform(np.log(0.2), np.log(5.0), values.shape))

    return _with_future(panel, cut, poison)


def missing(panel: Panel, cut: int, random: np.random.Generator) -> Panel:
    """No number is known from the cut on."""
    del random
    return _with_future(panel, cut, lambda values: np.full_like(values, np.nan))


def shuffled(panel: Panel, cut: int, random: np.random.Generator) -> Panel:
    """The days from the cut on in another order, the same for every field."""
    order = random.permutation(panel.shape[0] - cut)
    return _with_future(panel, cut, lambda values: values[order])


#: what is done to the future, by name
CHANGES: dict[str, Change] = {
    "truncated": truncated,
    "scaled": scaled,
    "missing": missing,
    "shuffled": shuffled,
}


def _with_future(panel: Panel, cut: int, poison: Callable[[Array], Array]) -> Panel:
    fields = {
        name: np.concatenate([values[:cut], poison(values[cut:])])
        for name, values in panel.fields.items()
    }
    return dataclasses.replace(panel, fields=fields)


def _places(days: int, random: np.random.Generator) -> list[int]:
    """Three cuts, each moved by up to 4 % of the calendar."""
    moved = [place + random.uniform(-0.04, 0.04) for place in PLACES]
    return sorted({min(max(int(days * place), 1), days - 1) for place in moved}) if days > 1 else []


def _outputs(fn: Compute, panel: Panel) -> dict[str, Array]:
    """What a function gives for a panel, in arrays that it cannot use again."""
    try:
        outputs = fn(panel.read_only())
    except ValueError as error:
        if isinstance(error, QilinError) or "read-only" not in str(error):
            raise
        raise UserError(
            f"{getattr(fn, '__name__', 'the function')} writes into an array of the panel: write "
            'into a copy, panel["close"].copy()'
        ) from error
    for name, values in outputs.items():
        if values.shape != panel.shape:
            raise UserError(
                f"output {name!r} has shape {values.shape} on a panel of {panel.shape}: "
                "leak checks need one value per date and symbol"
            )
    return {name: np.array(values) for name, values in outputs.items()}


def _first_change(
    name: str, change: str, cut: int, before: Array, after: Array, panel: Panel
) -> Leak | None:
    """First cell before the cut whose bits differ; NaN equals NaN."""
    old, new = before[:cut], after[:cut]
    differs = (old != new) & ~(np.isnan(old) & np.isnan(new))
    if not differs.any():
        return None
    row, column = (int(i) for i in np.argwhere(differs)[0])
    return Leak(
        name=name,
        change=change,
        cut=str(panel.dates[cut]),
        date=str(panel.dates[row]),
        symbol=panel.symbols[column],
        before=float(old[row, column]),
        after=float(new[row, column]),
    )
