"""The quality gate: rows that cannot be right are set aside with their reason; the rest goes on.

1. Equal rows count once; rows that contradict each other are all set aside.
2. A suspended row (no volume, prices flat or absent) is no fault: it gets NaN prices and volume 0,
   and `carried` keeps the price the vendor repeated.
3. Every other row is tested against each rule; it is set aside under the first one it breaks.
4. A symbol of which too much was bad lately is set aside whole, from that day on.

The verdict on (symbol, day) uses rows up to that day, and neither the order of the input nor
repeated rows change it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from tasks.data.bars import Bars
from tasks.data.config import DataConfig, GateConfig, family_name
from tasks.data.gate_rules import DEADLY, RULES, RULES_OF_EVERY_ROW, Rows, once, verdicts
from tasks.data.panel import PRICE_FIELDS, Adjustment, Panel

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]
    Array = NDArray[np.float64]

State = Literal["PASS", "WARN", "FAIL"]


@dataclasses.dataclass(frozen=True)
class Check:
    """One rule over all rows.

    Attributes:
        name: the rule's name in `RULES`, or `repeated` for rows that occurred more than once.
        evaluated: rows that were tested.
        bad: rows that broke the rule.
        threshold: share of bad rows above which the check warns.
        worst: an example as `symbol date value`, empty if none is bad.
        state: PASS, WARN or FAIL.
    """

    name: str
    evaluated: int
    bad: int
    threshold: float
    worst: str
    state: State


@dataclasses.dataclass(frozen=True)
class Gated:
    """What passed, what was set aside, and the account of it.

    Attributes:
        frame: rows that passed, sorted by symbol and date; like `Bars.frame` with `suspended`
            (0 or 1) and `carried` (CNY: the price a vendor repeats on a suspended day, else NaN).
        quarantine: `symbol`, `date`, `rule`, `value`; sorted by symbol and date.
        checks: one per rule.
        adjustment: see `Panel.adjustment`.
        source: name of the data source.
        benchmarks: symbols that are indices.
        notes: sentences of the source, and how many rows are suspended days.
    """

    frame: pd.DataFrame
    quarantine: pd.DataFrame
    checks: list[Check]
    adjustment: Adjustment
    source: str
    benchmarks: tuple[str, ...]
    notes: tuple[str, ...]

    def panel(self) -> Panel:
        """The rows that passed on one grid.

        `suspended` is NaN before a symbol's first row and 1 on later days without any row; a
        quarantined day has NaN prices but is not suspended.
        """
        panel = Panel.from_frame(
            self.frame,
            adjustment=self.adjustment,
            source=self.source,
            benchmarks=tuple(b for b in self.benchmarks if b in set(self.frame["symbol"].unique())),
        )
        suspended = panel["suspended"].copy()
        absent = np.isnan(suspended)
        seen = np.logical_or.accumulate(~absent, axis=0)
        suspended[absent & seen] = 1.0
        suspended[self._set_aside(panel) & absent & seen] = 0.0
        return panel.with_fields(suspended=suspended)

    def _set_aside(self, panel: Panel) -> Flags:
        cells = np.zeros(panel.shape, dtype=bool)
        known = self.quarantine[self.quarantine["symbol"].isin(panel.symbols)]
        days = known["date"].to_numpy().astype("datetime64[D]")
        known, days = known[np.isin(days, panel.dates)], days[np.isin(days, panel.dates)]
        column = {symbol: i for i, symbol in enumerate(panel.symbols)}
        rows = np.searchsorted(panel.dates, days)
        cells[rows, [column[s] for s in known["symbol"]]] = True
        return cells


def gated_panel(bars: Bars, data: DataConfig) -> Panel:
    """Bars through the gate as one panel that knows the family of its data.

    Args:
        bars: as a source read them.
        data: the settings that it read them by.
    """
    return dataclasses.replace(gate(bars).panel(), family=family_name(data))


def gate(bars: Bars, config: GateConfig | None = None, *, deadly: Sequence[str] = ()) -> Gated:
    """Set aside what cannot be right.

    Args:
        bars: a source's bars in any order.
        config: limits of the checks; the default ones if not given.
        deadly: symbols that are set aside whole, because computing on them kills the process.

    Returns:
        Gated rows; nothing is raised for bad data, whatever its amount.
    """
    config = config or GateConfig()
    ordered, repeated = once(bars.frame)
    rows = Rows.of(ordered, bars, config)
    rule, value = verdicts(rows, config)
    fatal = rows.frame["symbol"].isin(deadly).to_numpy()
    rule[fatal], value[fatal] = DEADLY, np.nan
    return Gated(
        frame=_passed(rows, rule < 0),
        quarantine=_quarantine(rows, rule, value),
        checks=_checks(rows, rule, value, repeated, config),
        adjustment=bars.adjustment,
        source=bars.source,
        benchmarks=bars.benchmarks,
        notes=(*bars.notes, *_suspensions(rows)),
    )


def _suspensions(rows: Rows) -> tuple[str, ...]:
    """How many rows are suspended days; none of them is a fault."""
    total = int(rows.suspended.sum())
    silent = int(np.isnan(rows.frame["volume"].to_numpy()[rows.suspended]).sum())
    if not total:
        return ()
    return (f"{total:,} rows are suspended days, {silent:,} of them without any volume given.",)


def _passed(rows: Rows, good: Flags) -> pd.DataFrame:
    """The rows that passed, suspended ones without prices."""
    frame = rows.frame[good].reset_index(drop=True)
    still = rows.suspended[good]
    frame["carried"] = np.where(still & (frame["close"] > 0), frame["close"], np.nan)
    for name in (*PRICE_FIELDS, "vwap"):
        if name in frame:
            frame[name] = np.where(still, np.nan, frame[name])
    for name in ("volume", "amount"):
        if name in frame:
            frame[name] = np.where(still, 0.0, frame[name])
    frame["suspended"] = still.astype(np.float64)
    return frame


def _quarantine(rows: Rows, rule: NDArray[np.int8], value: Array) -> pd.DataFrame:
    import pandas as pd

    bad = np.flatnonzero(rule >= 0)
    names = list(RULES)
    picked = rows.frame.iloc[bad]
    return pd.DataFrame(
        {
            "symbol": picked["symbol"].astype(object).to_numpy(),
            "date": picked["date"].to_numpy(),
            "rule": np.array(names, dtype=object)[rule[bad]],
            "value": value[bad],
        }
    )


def _checks(
    rows: Rows, rule: NDArray[np.int8], value: Array, repeated: int, config: GateConfig
) -> list[Check]:
    total = len(rows.frame)
    traded = total - int(rows.suspended.sum())
    checks = [_check("repeated", total + repeated, repeated, "", config)]
    for number, name in enumerate(RULES):
        bad = np.flatnonzero(rule == number)
        if number == DEADLY:
            continue
        evaluated = total if name in RULES_OF_EVERY_ROW else traded
        checks.append(_check(name, evaluated, len(bad), _worst(rows.frame, bad, value), config))
    fatal = rows.frame["symbol"][rule == DEADLY].unique()
    if len(fatal):  # found by accident on one night: always to be looked at, never a bad source
        rows_lost, worst = int((rule == DEADLY).sum()), ", ".join(map(str, fatal[:3]))
        checks.append(Check("deadly", total, rows_lost, config.warn_share, worst, "WARN"))
    return checks


def _check(name: str, evaluated: int, bad: int, worst: str, config: GateConfig) -> Check:
    share = bad / evaluated if evaluated else 0.0
    state: State = "FAIL" if share > config.fail_share else "PASS"
    if state == "PASS" and share > config.warn_share:
        state = "WARN"
    return Check(name, evaluated, bad, config.warn_share, worst, state)


def _worst(frame: pd.DataFrame, bad: NDArray[np.intp], value: Array) -> str:
    """The row with the largest absolute value, the first of equals."""
    if not len(bad):
        return ""
    row = bad[int(np.argmax(np.nan_to_num(np.abs(value[bad]), nan=-1.0)))]
    day = frame["date"].iloc[row]
    return f"{frame['symbol'].iloc[row]} {str(day)[:10]} {value[row]:.6g}"
