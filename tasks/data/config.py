"""Settings of data, simulation, quality gate and universe: the one place for their meaning.

Models are shown as a form, written as TOML and given as flags: every field has a title and says
its meaning, unit and default. "Not given" is an empty text or list.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

_ISO = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"


def _existing(day: str) -> str:
    try:
        dt.date.fromisoformat(day)
        known = re.fullmatch(_ISO, day) is not None
    except ValueError:
        known = False
    if not known:
        raise ValueError("it is no day of the calendar, write one such as 2026-11-20")
    return day


#: an ISO date that exists
Day = Annotated[
    str, AfterValidator(_existing), WithJsonSchema({"type": "string", "pattern": f"^{_ISO}$"})
]
#: the same, or an empty text where none is given
DayOrEmpty = Annotated[
    str,
    AfterValidator(lambda day: day and _existing(day)),
    WithJsonSchema({"type": "string", "pattern": f"^({_ISO})?$"}),
]


class _Settings(BaseModel):
    """Unknown names are refused: a misspelt setting must not be ignored in silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SimulatedConfig(_Settings):
    """The simulated A-share market: seeded, with a planted signal of known strength."""

    seed: int = Field(
        default=7, title="Seed", ge=0, le=2**32 - 1,
        description="Number that decides every bar of the simulated market. Default 7.",
    )  # fmt: skip
    n_symbols: int = Field(
        default=200, title="Number of stocks", ge=2, le=6000,
        description="Stocks ever listed, without the index. Default 200: about a second.",
    )  # fmt: skip
    start: Day = Field(
        default="2022-01-04", title="First day",
        description="First day of the simulated market, ISO date. Default 2022-01-04.",
    )  # fmt: skip
    signal_strength: float = Field(
        default=1.0, title="Strength of the planted signal", ge=0.0, le=5.0,
        description="Multiple of the default signal in open-to-open returns. 1: the planted "
        "signal's own daily rank IC is about 0.095; 0: nothing can be predicted. Default 1.",
    )  # fmt: skip
    annual_volatility: float = Field(
        default=0.34, title="Volatility of a typical stock", ge=0.05, le=1.5,
        description="Yearly standard deviation of a typical stock's own return, as a fraction, "
        "without market and sector. Default 0.34.",
    )  # fmt: skip
    suspension_rate: float = Field(
        default=0.004, title="Suspensions", ge=0.0, le=0.2,
        description="Chance per stock and session that a suspension begins; it lasts five "
        "sessions on average. Default 0.004.",
    )  # fmt: skip
    delisting_rate: float = Field(
        default=0.01, title="Delistings a year", ge=0.0, le=0.5,
        description="Share of stocks that are delisted in a year. Default 0.01.",
    )  # fmt: skip
    st_rate: float = Field(
        default=0.03, title="Special treatment a year", ge=0.0, le=0.5,
        description="Share of stocks that become ST in a year; ST lasts a year on average. "
        "Default 0.03.",
    )  # fmt: skip


class DataConfig(_Settings):
    """Where bars come from and how they are read."""

    source: Literal["simulated", "parquet", "csv", "qlib"] = Field(
        default="simulated", title="Source",
        description="simulated: an artificial market with a known answer; parquet, csv: any long "
        "file; qlib: a Qlib directory. Default simulated.",
    )  # fmt: skip
    path: str = Field(
        default="", title="File or folder",
        description="File, or folder of such files, for parquet, csv and qlib; empty for "
        "simulated. Where it lies never changes a number. Default empty.",
    )  # fmt: skip
    family: str = Field(
        default="", title="Name of the data's family", max_length=80,
        description="Trials on the same family are counted together and share one vault; "
        "name it after what the data is, such as csi300-vendor, never after a day. Empty: the "
        "source's name, for the simulated market with a hash of its settings. Default empty.",
    )  # fmt: skip
    start: DayOrEmpty = Field(
        default="", title="First day",
        description="Bars before this ISO date are left out; empty: from the first bar. "
        "Default empty.",
    )  # fmt: skip
    end: DayOrEmpty = Field(
        default="", title="Last day",
        description="Bars after this ISO date are left out; empty: up to the night's session. "
        "Default empty.",
    )  # fmt: skip
    symbols: list[str] = Field(
        default=[], title="Symbols",
        description="Only these stocks, such as 600519.SH; benchmarks stay. Empty: all. "
        "Default empty.",
    )  # fmt: skip
    benchmarks: list[str] = Field(
        default=[], title="Benchmarks",
        description="Symbols that are indices: never ranked or traded. Empty: those whose code "
        "says so, such as 000300.SH. Default empty.",
    )  # fmt: skip
    columns: dict[str, str] = Field(
        default={}, title="Columns of a file",
        description="Our name to the file's column, such as close = 'px_last'. Names not given "
        "are recognised in English, tushare's and akshare's spelling. Default empty.",
    )  # fmt: skip
    symbol_format: Literal["auto", "stock", "as_is"] = Field(
        default="auto", title="Spelling of symbols",
        description="auto: any known spelling; stock: the same, and a bare 000001 is the stock; "
        "as_is: kept unchanged. Default auto.",
    )  # fmt: skip
    volume_unit: Literal["auto", "shares", "lots"] = Field(
        default="auto", title="Unit of volume",
        description="shares, or lots of 100; auto: recognised from amount / volume / close. "
        "Default auto.",
    )  # fmt: skip
    amount_unit: Literal["auto", "yuan", "thousand"] = Field(
        default="auto", title="Unit of amount",
        description="yuan, or thousand yuan; auto: recognised together with the volume. "
        "Default auto.",
    )  # fmt: skip
    adjustment: Literal["auto", "raw", "unadjusted", "adjusted"] = Field(
        default="auto", title="Adjustment of prices",
        description="raw: traded prices with a factor column; unadjusted: traded prices, no "
        "factor; adjusted: the file's prices are adjusted and kept. auto: raw with a factor "
        "column, else unadjusted; a Qlib directory is adjusted. Default auto.",
    )  # fmt: skip
    simulated: SimulatedConfig = Field(
        default=SimulatedConfig(), title="Simulated market",
        description="Settings of the simulated market; used only if source is simulated.",
    )  # fmt: skip


class GateConfig(_Settings):
    """The quality gate: which rows are set aside, and when a whole symbol is."""

    max_bad_share: float = Field(
        default=0.05, title="Bad rows before a symbol is set aside", ge=0.0, le=1.0,
        description="A symbol is set aside from the day on which more than this share of its "
        "last `window` rows is bad, until it falls again. Fraction, default 0.05.",
    )  # fmt: skip
    min_bad_rows: int = Field(
        default=5, title="Fewest bad rows", ge=1, le=1000,
        description="A symbol with fewer bad rows in the window is never set aside as a whole. "
        "Rows, default 5.",
    )  # fmt: skip
    window: int = Field(
        default=250, title="Window", ge=1, le=5000,
        description="Rows of a symbol, up to the judged day, over which bad ones are counted. "
        "Rows, default 250.",
    )  # fmt: skip
    range_tolerance: float = Field(
        default=0.0, title="Tolerance of the day's range", ge=0.0, le=0.1,
        description="How far open and close may lie outside [low, high], as a fraction of the "
        "price. Default 0.",
    )  # fmt: skip
    limit_tolerance: float = Field(
        default=0.02, title="Tolerance of the price limit", ge=0.0, le=10.0,
        description="How far the close of a raw price may lie beyond the day's limit, as a "
        "fraction of the price it is measured from, before its row is set aside; vendors round "
        "factors. Default 0.02.",
    )  # fmt: skip
    warn_share: float = Field(
        default=0.001, title="Warn above", ge=0.0, le=1.0,
        description="A check whose share of bad rows is above this warns. Fraction, default 0.001.",
    )  # fmt: skip
    fail_share: float = Field(
        default=0.05, title="Fail above", ge=0.0, le=1.0,
        description="A check whose share of bad rows is above this fails. Fraction, default 0.05.",
    )  # fmt: skip
    calendar: Literal["exchange", "none"] = Field(
        default="exchange", title="Calendar",
        description="exchange: rows of mainland symbols on days without a session are set aside; "
        "none: every day counts. Default exchange.",
    )  # fmt: skip


class UniverseConfig(_Settings):
    """Which stocks may be ranked and traded on a day."""

    min_listed_sessions: int = Field(
        default=60, title="Age since listing", ge=0, le=2500,
        description="Sessions since a symbol's first bar before it is ranked; stocks present on "
        "the data's first day count as old. Sessions, default 60.",
    )  # fmt: skip
    min_traded_sessions: int = Field(
        default=40, title="Traded sessions in the window", ge=0, le=2500,
        description="A stock needs this many traded sessions among the last `history_window`. "
        "Sessions, default 40.",
    )  # fmt: skip
    history_window: int = Field(
        default=60, title="Window of history", ge=1, le=2500,
        description="Sessions over which traded ones are counted. Sessions, default 60.",
    )  # fmt: skip
    exclude_st: bool = Field(
        default=True, title="Leave out ST",
        description="Stocks under special treatment are not ranked, where the source says so. "
        "Default true.",
    )  # fmt: skip
    max_move: float = Field(
        default=0.205, title="Largest believable move without a limit", ge=0.05, le=1.0,
        description="On unadjusted prices, a close beyond the day's price limit (by board, special "
        "treatment and date) masks the labels that contain its move. Where no limit is ruled "
        "(other markets, indices, early years) a larger absolute close-to-close move than this "
        "does. Fraction, default 0.205.",
    )  # fmt: skip


def family_name(config: DataConfig) -> str:
    """Name of the family whose trials are counted together, see `DataConfig.family`."""
    if config.family or config.source != "simulated":
        return config.family or config.source
    text = json.dumps(config.simulated.model_dump(mode="json"), sort_keys=True)
    return f"simulated-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
