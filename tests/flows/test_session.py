"""A night keeps its session: after midnight, after new data, for every retry of the same run."""

import datetime as dt
from pathlib import Path

import pytest

from flows import _session
from flows._settings import NightlyConfig
from tasks.data.config import DataConfig
from tasks.data.sources import registry
from tasks.data.store import Store
from tasks.errors import DataNotReadyError, UserError
from tasks.market.calendar import EXCHANGE_ZONE

RUN = "0f6d0000-0000-4000-8000-000000000001"


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=EXCHANGE_ZONE)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "home"))


def test_an_evening_works_on_the_day_and_the_morning_after_still_does(store: Store) -> None:
    config = NightlyConfig()
    assert _session.resolve(config, at("2026-11-20T18:30")) == "2026-11-20"
    assert _session.resolve(config, at("2026-11-21T00:30")) == "2026-11-20"
    assert _session.resolve(config, at("2026-11-20T14:59")) == "2026-11-19"


def test_a_retry_after_midnight_and_the_next_close_keeps_the_session(store: Store) -> None:
    config = NightlyConfig()
    first = _session.session_of(config, RUN, at("2026-11-19T18:30"), store)
    later = _session.session_of(config, RUN, at("2026-11-20T20:00"), store)
    assert first == later == "2026-11-19"
    other = "0f6d0000-0000-4000-8000-000000000002"
    assert _session.session_of(config, other, at("2026-11-20T20:00"), store) == "2026-11-20"


def test_a_file_that_ends_earlier_decides_the_session(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "newest_session", lambda _data: "2026-11-18")
    config = NightlyConfig(data=DataConfig(source="parquet", path="bars.parquet"))
    assert _session.session_of(config, RUN, at("2026-11-20T18:30"), store) == "2026-11-18"
    monkeypatch.setattr(registry, "newest_session", lambda _data: "2026-11-20")
    assert _session.session_of(config, RUN, at("2026-11-20T18:30"), store) == "2026-11-18"


def test_a_day_that_is_not_there_yet_is_data_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "newest_session", lambda _data: "2026-11-18")
    config = NightlyConfig(data_date="2026-11-20")
    with pytest.raises(DataNotReadyError, match=r"2026-11-20 is not there yet.*--data-date"):
        _session.resolve(config, at("2026-11-20T18:30"))
    with pytest.raises(UserError, match="no session of the exchange"):
        _session.resolve(NightlyConfig(data_date="2026-11-15"), at("2026-11-20T18:30"))
    with pytest.raises(UserError, match=r"2026-11-21 is no session.*--data-date 2026-11-20"):
        _session.resolve(NightlyConfig(data_date="2026-11-21"), at("2026-11-20T18:30"))
