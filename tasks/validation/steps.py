"""The leak check as a step: the night from its raw rows to its signals, with alarms that must ring.

Factors that use the future are named in the artifact's notes; the night trains without them. A
second step, for nights whose workers died, names the stocks that kill who computes on them.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tasks._step import Context, Output, step
from tasks.backtest.signals import signals
from tasks.backtest.spaces import sets_of
from tasks.cluster.fanout import fan_out
from tasks.cluster.trial import deadly_items, memory_limit
from tasks.data.bars import bars_from
from tasks.data.config import GateConfig, UniverseConfig
from tasks.data.gate import gate
from tasks.data.panel import Panel
from tasks.data.store import Artifact
from tasks.data.userfiles import UserFile
from tasks.errors import NightFailedError, UserError
from tasks.indicators import factorsets
from tasks.indicators.config import FactorConfig
from tasks.validation import alarms, nightcheck
from tasks.validation.cuts import sample
from tasks.validation.isolating import Alone
from tasks.validation.replay import Replay

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

#: parameter sets whose signals are compared: a leak is in the rule, so some sets show it
SETS = 3
#: stocks that one process tries, one after another, and how many of all may be set aside
TRIED, MOST_DEADLY = 256, 5


@step("features", packages=("numpy", "numba", "pandas", "pyarrow"))
def leak_tests(
    ctx: Context,
    bars: Artifact,
    gate_settings: dict[str, Any],
    universe_settings: dict[str, Any],
    features: dict[str, Any],
    user: list[list[str]],
    across: list[list[str]],
    code: UserFile | None,
    sets: dict[str, Any],
    strategy: UserFile | None,
    deadly: list[str],
) -> Output:
    """Whether anything that the night says of a day changes when the days after it do.

    Stocks and days are a sample; settings are those of the night's own steps, and the user's
    factors (`user`, `across`, `code`) and strategy are as they get them. `sets` are the sweep's
    parameter sets whose signals are compared; `deadly` stocks are no part of the sample.
    """
    part = sample(bars_from(ctx.store, bars).without(deadly))
    config = FactorConfig.model_validate(features).model_copy(update={"dtype": "float64"})
    some = sets_of(sets, strategy)
    refused: list[str] = []

    def factors(adjusted: Panel) -> Mapping[str, Array]:
        stocks = adjusted.stocks()
        found: dict[str, Any] = dict(factorsets.in_blocks(stocks, config, user).grids)
        if across or code:
            found |= factorsets.across(adjusted, config, across, code).grids
        return found

    def wanted(stocks: Panel, members: NDArray[np.bool_]) -> Mapping[str, Array]:
        """A strategy that refuses to compute says so in the sweep; here it is not tested."""
        if refused:
            return {}
        try:
            return signals(stocks, some, members)
        except UserError as error:
            refused.append(str(error))
            return {}

    gate_config = GateConfig.model_validate(gate_settings)
    replay = Replay(gate_config, UniverseConfig.model_validate(universe_settings), factors, wanted)
    report = nightcheck.check_sample(part, replay)
    formulas = alarms.planted_leaks(gate(part.bars, gate_config).panel().stocks().adjusted())
    found = nightcheck.to_json(report, untested={"signals": refused[0]} if refused else {})
    found["planted"] += [{**dataclasses.asdict(alarm), "ok": alarm.ok} for alarm in formulas]
    tested = next(stage for stage in found["stages"] if stage["name"] == "factors")
    files = {"leaks.json": json.dumps(found, sort_keys=True).encode()}
    notes = {
        "ok": nightcheck.is_clean(found),
        "factors": tested["outputs"],
        "leaking": tested["leaking"],
    }
    return Output("leaks", files, rows=report.replays, notes=notes)


@step("features", packages=("numpy", "numba", "pandas"))
def isolate(
    ctx: Context,
    panel: Artifact,
    features: dict[str, Any],
    user: list[list[str]],
    across: list[list[str]],
    code: UserFile | None,
    sets: dict[str, Any],
    strategy: UserFile | None,
) -> Output:
    """The stocks that kill the process which computes on them, each tried alone.

    Arguments as of `leak_tests`. The notes name them with their deaths: what the night sets aside
    before it begins again.
    """
    config, count = FactorConfig.model_validate(features), int(panel.notes["stocks"])
    alone = Alone(ctx.store, panel, config, user, across, code, sets_of(sets, strategy))
    blocks = [range(first, min(first + TRIED, count)) for first in range(0, count, TRIED)]
    found = fan_out(functools.partial(_deadly, alone), blocks, label=ctx.label)
    deaths = {column: death for block in found for column, death in block.items()}
    symbols = ctx.store.read_panel(panel, slice(0, count)).symbols
    named = [[symbols[column], death] for column, death in sorted(deaths.items())]
    if len(named) > MOST_DEADLY:
        raise NightFailedError(
            f"more than {MOST_DEADLY} stocks kill the process that computes on them, such as "
            f"{named[0][0]} ({named[0][1]}): mend the code that runs on every stock, then Retry"
        )
    files = {"deadly.json": json.dumps(named).encode()}
    return Output("isolated", files, rows=len(named), notes={"deadly": named})


def _deadly(alone: Alone, columns: range) -> dict[int, str]:
    """Columns of one block of stocks that are deadly, and how the process died."""
    found = deadly_items(alone, columns, most=MOST_DEADLY + 1, memory_bytes=memory_limit())
    return {columns[i]: death for i, death in found.items()}


STEPS = (leak_tests, isolate)
