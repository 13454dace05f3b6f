"""Source `simulated`: the embedded artificial A-share market, and the answer it was made with."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np

from tasks.data.bars import Bars
from tasks.data.config import DataConfig, SimulatedConfig
from tasks.data.sources.artificial import INDEX, Market, generate
from tasks.data.sources.selection import selected
from tasks.errors import UserError
from tasks.market import calendar

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tasks.data.panel import Panel

#: what an index has of the fields that only stocks have
_INDEX_FIELDS = {"factor": 1.0, "is_st": 0.0, "cash_dividend": 0.0, "bonus_shares": 0.0}
NOTE = "All bars are simulated: an artificial market with a planted signal, no real prices."


def load(config: SimulatedConfig | None = None, *, end: str = "2024-12-31") -> Panel:
    """The simulated market as a panel, through the quality gate.

    Args:
        config: the market's settings; the default ones if not given.
        end: last day, ISO date.
    """
    from tasks.data.gate import gated_panel

    settings = DataConfig(source="simulated", simulated=config or SimulatedConfig())
    return gated_panel(read(settings, end), settings)


def read(config: DataConfig, day: str) -> Bars:
    """Bars of the simulated market up to a day, suspended rows as vendors deliver them.

    Bars up to a day are the same whatever later day is asked for.
    """
    bars = Bars(_long(_market(config, day)), "raw", "simulated", (INDEX,), (NOTE,))
    return selected(bars, config, day)


def oracle(
    config: DataConfig, day: str
) -> tuple[NDArray[np.datetime64], tuple[str, ...], NDArray[np.float64]]:
    """The planted signal: what the best possible model would predict.

    Returns:
        Sessions (T,), the stocks with bars up to the day in ascending order (N,), and the mean of
        log open(t+2)/open(t+1) given everything up to the close of t, the hidden state included,
        (T, N). NaN outside a stock's listing and on its suspended days.
    """
    market = _market(config, day)
    traded = market.listed & (market.fields["volume"] > 0)
    seen = np.flatnonzero(market.listed.any(axis=0))
    symbols = tuple(market.symbols[i] for i in seen)
    return market.dates, symbols, np.where(traded, market.expected, np.nan)[:, seen]


def newest_session(config: DataConfig, latest: str) -> str:
    """The last session the market can be simulated for: the given one, or the settings' end."""
    return min(latest, config.end) if config.end else latest


def content_id(config: DataConfig, day: str) -> str:
    """Hash of the generator's parameters and the last day; its code is hashed elsewhere."""
    content = config.simulated.model_dump(mode="json") | {"day": _last(config, day)}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _last(config: DataConfig, day: str) -> str:
    return min(day, config.end) if config.end else day


def _market(config: DataConfig, day: str) -> Market:
    dates = calendar.sessions(config.simulated.start, _last(config, day))
    if not len(dates):
        raise UserError(
            f"the simulated market starts on {config.simulated.start}, so it has no bars up to "
            f"{_last(config, day)}: choose a later day or an earlier start"
        )
    return generate(config.simulated, dates)


def _long(market: Market) -> pd.DataFrame:
    """Stocks and index as one long frame, sorted by symbol and date."""
    import pandas as pd

    columns, rows = np.nonzero(market.listed.T)
    t = len(market.dates)
    names = [*market.symbols, INDEX]
    codes = np.concatenate([columns, np.full(t, len(names) - 1)])
    days = market.dates.astype("datetime64[us]")
    data = {
        "symbol": pd.Categorical.from_codes(codes, categories=pd.Index(names)),
        "date": np.concatenate([days[rows], days]),
    }
    for name, values in market.fields.items():
        whole = market.index.get(name, np.full(t, _INDEX_FIELDS.get(name, np.nan)))
        data[name] = np.concatenate([values[rows, columns], whole])
    return pd.DataFrame(data)
