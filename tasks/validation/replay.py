"""The night in small, from raw rows to signals: what its check compares, stage by stage.

Every stage calls the night's own functions. Beside each stage stands the same stage with a leak of
one day planted in it, which the check must catch every time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from tasks.data import universe
from tasks.data.gate import gate
from tasks.data.gate_rules import RULES

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tasks.data.bars import Bars
    from tasks.data.config import GateConfig, UniverseConfig
    from tasks.data.gate import Gated
    from tasks.data.panel import Panel

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]

STAGES = ("gate", "universe", "adjustment", "factors", "signals")
#: name of a stage's output with the planted leak
PLANTED = "planted"


@dataclasses.dataclass(frozen=True)
class Seen:
    """What one stage gave: outputs on a grid of its own.

    Attributes:
        dates, symbols: of the grid.
        outputs: name to (T, N).
    """

    dates: NDArray[np.datetime64]
    symbols: tuple[str, ...]
    outputs: Mapping[str, Array]


@dataclasses.dataclass(frozen=True)
class Replay:
    """How the night is replayed.

    Attributes:
        gate, universe: settings as the night's.
        factors: adjusted bars, benchmarks among them, to every factor of the stocks by name.
        signals: adjusted bars of the stocks and the universe to every signal by name.
    """

    gate: GateConfig
    universe: UniverseConfig
    factors: Callable[[Panel], Mapping[str, Array]]
    signals: Callable[[Panel, Flags], Mapping[str, Array]]

    def run(self, bars: Bars) -> dict[str, Seen]:
        """Every stage's outputs, and under `PLANTED` what it gives with a leak of one day."""
        gated = gate(bars, self.gate)
        raw = gated.panel()
        stocks = raw.stocks()
        whole = universe.without_jumps(raw, self.universe.max_move)
        adjusted = whole.adjusted()
        traded = adjusted.stocks()
        members = universe.eligible(stocks, self.universe)
        verdicts = _verdicts(bars, gated)
        return {
            "gate": _with(verdicts, {PLANTED: _gate_leak(verdicts.outputs)}),
            "universe": _seen(stocks, self._universe(stocks, members)),
            "adjustment": _seen(traded, _adjustment(whole.stocks(), traded)),
            "factors": _seen(traded, {**self.factors(adjusted), PLANTED: _next_return(traded)}),
            "signals": _seen(
                traded,
                {
                    **self.signals(traded, members),
                    PLANTED: (_next_return(traded) > 0.0).astype(np.float64),
                },
            ),
        }

    def _universe(self, stocks: Panel, members: Flags) -> dict[str, Array]:
        """Who may be ranked, and what moves are masked; planted: only who trades tomorrow."""
        tomorrow = np.zeros(members.shape, dtype=bool)
        tomorrow[:-1] = ~np.isnan(stocks["close"][1:])
        found = {
            "eligible": members,
            "masked move": universe.jumps(stocks, self.universe.max_move),
            PLANTED: members & tomorrow,
        }
        return {name: flags.astype(np.float64) for name, flags in found.items()}


def _verdicts(bars: Bars, gated: Gated) -> Seen:
    """The gate's verdict on every row (0 passed, 1 and more the rule broken), and what passed.

    The grid is that of the raw rows, so that one that the gate loses is seen.
    """
    symbols = tuple(sorted(str(s) for s in bars.frame["symbol"].unique()))
    days = bars.frame["date"].to_numpy().astype("datetime64[D]")
    dates = np.unique(days[~np.isnat(days)])
    frame, aside = gated.frame, gated.quarantine
    passed, broken = _cells(frame, dates, symbols), _cells(aside, dates, symbols)
    outputs = {
        name: _grid(passed, frame[name].to_numpy().astype(np.float64), dates, symbols)
        for name in frame.columns
        if name not in ("symbol", "date")
    }
    rules = {name: 1.0 + number for number, name in enumerate(RULES)}
    verdict = _grid(passed, np.zeros(len(frame)), dates, symbols)
    number = np.array([rules[rule] for rule in aside["rule"]], dtype=np.float64)
    verdict.reshape(-1)[broken[broken >= 0]] = number[broken >= 0]
    return Seen(dates, symbols, {**outputs, "verdict": verdict})


def _cells(
    frame: pd.DataFrame, dates: NDArray[np.datetime64], symbols: tuple[str, ...]
) -> NDArray[np.int64]:
    """Where each row lies in the flattened grid; -1 for a row without a date."""
    names = frame["symbol"].astype("category").cat
    column = {symbol: i for i, symbol in enumerate(symbols)}
    code = np.array([column.get(str(s), -1) for s in names.categories], dtype=np.int64)
    day = frame["date"].to_numpy().astype("datetime64[D]")
    row = np.searchsorted(dates, np.where(np.isnat(day), dates[0], day))
    cell: NDArray[np.int64] = row * len(symbols) + code[names.codes.to_numpy()]
    return np.where(np.isnat(day), -1, cell)


def _grid(
    cells: NDArray[np.int64],
    values: Array,
    dates: NDArray[np.datetime64],
    symbols: tuple[str, ...],
) -> Array:
    out = np.full((len(dates), len(symbols)), np.nan)
    out.reshape(-1)[cells[cells >= 0]] = values[cells >= 0]
    return out


def _gate_leak(outputs: Mapping[str, Array]) -> Array:
    """The verdict, with rows set aside already the day before a suspension or a bad row."""
    out = outputs["verdict"].copy()
    tomorrow = np.fmax(outputs["verdict"][1:], outputs["suspended"][1:])
    out[:-1] = np.fmax(out[:-1], np.nan_to_num(tomorrow))
    return out


def _adjustment(raw: Panel, adjusted: Panel) -> dict[str, Array]:
    """Adjusted prices and volume; planted: the close with tomorrow's factor."""
    found = {name: adjusted[name] for name in ("open", "high", "low", "close", "volume")}
    factor = raw["factor"] if "factor" in raw else np.ones(raw.shape)
    with np.errstate(all="ignore"):
        step = factor[1:] / factor[:-1]
    early = adjusted["close"].copy()
    early[:-1] *= np.where(np.isfinite(step), step, 1.0)
    return {**found, PLANTED: early}


def _next_return(panel: Panel) -> Array:
    """Tomorrow's close over today's: what no factor may be."""
    out = np.full(panel.shape, np.nan)
    with np.errstate(all="ignore"):
        out[:-1] = panel["close"][1:] / panel["close"][:-1] - 1.0
    return out


def _seen(panel: Panel, outputs: Mapping[str, Array]) -> Seen:
    return Seen(panel.dates, panel.symbols, outputs)


def _with(seen: Seen, more: Mapping[str, Array]) -> Seen:
    return dataclasses.replace(seen, outputs={**seen.outputs, **more})
