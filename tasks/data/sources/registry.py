"""The same calls for whatever source the settings name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from tasks.data.sources import csv, parquet, qlib, simulated
from tasks.market import calendar

if TYPE_CHECKING:
    from tasks.data.bars import Bars
    from tasks.data.config import DataConfig


class _FileSource(Protocol):
    """What every source of files offers."""

    def read(self, config: DataConfig, day: str) -> Bars: ...
    def newest_session(self, config: DataConfig) -> str: ...
    def content_id(self, config: DataConfig) -> str: ...


_FILES: dict[str, _FileSource] = {"parquet": parquet, "csv": csv, "qlib": qlib}


def read(config: DataConfig, day: str) -> Bars:
    """Canonical bars of the configured source up to a day, not yet checked.

    Args:
        config: settings of the source.
        day: ISO date of the night's session; later bars are left out.

    Raises:
        UserError: a missing file, a wrong column, an unknown symbol, no bars: one sentence each.
    """
    if config.source == "simulated":
        return simulated.read(config, day)
    return _FILES[config.source].read(config, day)


def newest_session(config: DataConfig) -> str:
    """ISO date of the newest bar, found cheaply; the simulated market has every closed session."""
    if config.source == "simulated":
        return simulated.newest_session(config, calendar.last_closed_session(datetime.now(UTC)))
    return _FILES[config.source].newest_session(config)


def content_id(config: DataConfig, day: str) -> str:
    """sha256 of the input's content: bytes of the files, or the generator's parameters."""
    if config.source == "simulated":
        return simulated.content_id(config, day)
    return _FILES[config.source].content_id(config)


def identity(config: DataConfig) -> dict[str, Any]:
    """The settings that can change a bar: all but where the files lie and what they are called."""
    return config.model_dump(mode="json", exclude={"path", "family"})
