"""The night's check: nothing leaks as it is, and a leak put into any stage is found and named."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from tasks.backtest.combinations import combinations
from tasks.backtest.signals import signals
from tasks.data import universe
from tasks.data.bars import Bars
from tasks.data.config import DataConfig, GateConfig, SimulatedConfig, UniverseConfig
from tasks.data.gate import Gated, gate
from tasks.data.panel import Panel
from tasks.data.sources import simulated
from tasks.data.userfiles import UserFile
from tasks.indicators import factorsets
from tasks.indicators.config import FactorConfig
from tasks.indicators.expressions.evaluating import evaluate
from tasks.validation import nightcheck, poison
from tasks.validation.cuts import Cut, Sample, sample
from tasks.validation.replay import STAGES, Replay

SETS = combinations("ma_cross", {"fast": (5.0,), "slow": (20.0, 40.0)})
TEXTS = {"GAP": "$close / Ref($close, 1) - 1", "RANKED": "CSRank(Mean($volume, 10))"}


def factors(panel: Panel) -> Mapping[str, Any]:
    return evaluate(TEXTS, panel.stocks(), "cpu")


REPLAY = Replay(GateConfig(), UniverseConfig(), factors, lambda p, m: signals(p, SETS, m))


@pytest.fixture(scope="module")
def bars() -> Bars:
    market = SimulatedConfig(n_symbols=60, start="2023-01-03", suspension_rate=0.02)
    return simulated.read(DataConfig(simulated=market), "2024-06-28")


@pytest.fixture(scope="module")
def part(bars: Bars) -> Sample:
    return sample(bars)


@pytest.fixture(scope="module")
def few(part: Sample) -> Sample:
    """The first two cuts of each kind."""
    kinds: dict[str, list[Cut]] = {}
    for cut in part.cuts:
        kinds.setdefault(cut.why.partition(" of ")[0], []).append(cut)
    chosen = sorted((c for group in kinds.values() for c in group[:2]), key=lambda c: c.day)
    return dataclasses.replace(part, cuts=tuple(chosen))


def test_cuts_lie_before_events_and_their_stocks_are_in_the_sample(part: Sample) -> None:
    assert 20 <= len(part.cuts) <= 24
    kinds = {cut.why.partition(" of ")[0] for cut in part.cuts}
    assert kinds == {"ex-date", "suspension", "listing", "evenly spread"}
    named = {s for cut in part.cuts if (s := cut.why.partition(" of ")[2])}
    held = set(part.bars.frame["symbol"].unique())
    assert named <= held
    assert "000300.SH" in held
    assert len(held) == 41
    for cut in part.cuts:
        if cut.why.startswith("ex-date"):
            rows = part.bars.frame[part.bars.frame["symbol"] == cut.why.partition(" of ")[2]]
            day = rows["date"].to_numpy().astype("datetime64[D]")
            factor = rows["factor"].to_numpy()
            at = int(np.flatnonzero(day == cut.day)[0])
            assert factor[at] != factor[at - 1]


def test_the_order_of_the_rows_changes_nothing(bars: Bars, part: Sample) -> None:
    mixed = dataclasses.replace(bars, frame=bars.frame.sample(frac=1.0, random_state=3))
    other = sample(mixed)
    assert other.cuts == part.cuts
    assert set(other.bars.frame["symbol"].unique()) == set(part.bars.frame["symbol"].unique())
    assert len(other.bars.frame) == len(part.bars.frame)


def test_the_night_as_it_is_uses_no_future_and_every_alarm_rings(part: Sample) -> None:
    report = nightcheck.check_sample(part, REPLAY)
    assert [stage.name for stage in report.stages] == list(STAGES)
    for stage in report.stages:
        assert not stage.leaks, stage.leaks[0].sentence
        assert stage.caught > 3
    assert report.ok
    assert report.replays == 1 + 2 * len(part.cuts) + len(part.early)
    assert len(report.cuts) == len(part.cuts) + len(part.early)
    found = nightcheck.to_json(report)
    assert nightcheck.is_clean(found)
    assert [alarm["seen"] for alarm in found["planted"]] == ["caught"] * len(STAGES)


def test_cutting_off_alone_shows_every_planted_day_thanks_to_the_events(
    few: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poison, "CHANGES", {"truncated again": poison.truncated})
    report = nightcheck.check_sample(few, REPLAY)
    assert all(stage.caught for stage in report.stages)
    spread = tuple(c for c in few.cuts if c.why == "evenly spread")
    plain = dataclasses.replace(few, cuts=spread, early=())
    blind = nightcheck.check_sample(plain, REPLAY)
    assert not all(stage.caught for stage in blind.stages)


def leaky_gate(real: Callable[..., Gated]) -> Callable[..., Gated]:
    """Sets a row aside if the symbol's next row is suspended."""

    def leaky(given: Bars, config: GateConfig) -> Gated:
        gated = real(given, config)
        frame = gated.frame
        same = frame["symbol"].to_numpy()[1:] == frame["symbol"].to_numpy()[:-1]
        early = np.concatenate([same & (frame["suspended"].to_numpy()[1:] == 1.0), [False]])
        return dataclasses.replace(gated, frame=frame[~early].reset_index(drop=True))

    return leaky


def leaky_universe(real: Callable[..., Any]) -> Callable[..., Any]:
    """Counts tomorrow's trading day."""

    def leaky(panel: Panel, config: UniverseConfig) -> Any:
        flags = real(panel, config).copy()
        flags[:-1] &= ~np.isnan(panel["close"][1:])
        return flags

    return leaky


def leaky_adjustment(real: Callable[..., Panel]) -> Callable[..., Panel]:
    """Takes tomorrow's factor."""

    def leaky(panel: Panel) -> Panel:
        factor = panel["factor"].copy()
        factor[:-1] = np.where(np.isfinite(factor[1:]), factor[1:], factor[:-1])
        return real(panel.with_fields(factor=factor))

    return leaky


@pytest.mark.parametrize("stage", STAGES)
def test_a_leak_of_one_day_in_any_stage_is_found_there_first(
    stage: str, few: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    replay = REPLAY
    if stage == "gate":
        monkeypatch.setattr("tasks.validation.replay.gate", leaky_gate(gate))
    elif stage == "universe":
        monkeypatch.setattr(universe, "eligible", leaky_universe(universe.eligible))
    elif stage == "adjustment":
        monkeypatch.setattr(Panel, "adjusted", leaky_adjustment(Panel.adjusted))
    elif stage == "factors":
        replay = dataclasses.replace(REPLAY, factors=lambda p: {**factors(p), "PEEK": peek(p)})
    else:
        replay = dataclasses.replace(
            REPLAY, signals=lambda p, m: {"hold": (peek(p.stocks()) > 0).astype(float)}
        )
    report = nightcheck.check_sample(few, replay)
    leaking = [s.name for s in report.stages if s.leaks]
    assert leaking[0] == stage
    assert not report.ok
    first = report.stages[STAGES.index(stage)].leaks[0]
    assert first.date < first.cut
    assert first.symbol in set(few.bars.frame["symbol"])
    found = nightcheck.to_json(report)
    assert not nightcheck.is_clean(found)
    if stage == "factors":
        assert found["stages"][3]["leaking"] == ["PEEK"]
        assert "PEEK on" in found["stages"][3]["leaks"][0]


def peek(panel: Panel) -> Any:
    stocks = panel.stocks()
    out = np.full(stocks.shape, np.nan)
    out[:-1] = stocks["close"][1:] / stocks["close"][:-1] - 1.0
    return out


def test_a_users_function_that_peeks_is_found_by_its_name(few: Sample) -> None:
    code = UserFile(
        "mine.py",
        "import numpy as np\n"
        "def honest(panel):\n    return panel['close'] / panel['open']\n"
        "def peeking(panel):\n    return np.roll(panel['close'], -1, axis=0)\n",
    )
    config = FactorConfig(sets=(), dtype="float64")
    replay = dataclasses.replace(
        REPLAY, factors=lambda p: factorsets.across(p, config, [], code).grids
    )
    report = nightcheck.check_sample(few, replay)
    tested = next(stage for stage in report.stages if stage.name == "factors")
    assert [leak.name for leak in tested.leaks] == ["factors: peeking"]
    assert tested.outputs == 2


def test_a_scale_that_the_first_days_take_from_the_first_months_is_found(few: Sample) -> None:
    def scaled(panel: Panel) -> Mapping[str, Any]:
        stocks = panel.stocks()
        moves = stocks["close"] / stocks["open"] - 1.0
        return factors(panel) | {"in sample": moves / np.nanstd(moves[:120])}

    replay = dataclasses.replace(REPLAY, factors=scaled)
    report = nightcheck.check_sample(few, replay)
    assert [leak.name for leak in report.stages[3].leaks] == ["factors: in sample"]
    late = nightcheck.check_sample(dataclasses.replace(few, early=()), replay)
    assert not late.stages[3].leaks


def test_an_output_that_is_gone_with_the_future_is_a_leak(few: Sample) -> None:
    days = len(np.unique(few.bars.frame["date"]))

    def sometimes(panel: Panel) -> Mapping[str, Any]:
        return factors(panel) | ({"late": peek(panel)} if len(panel.dates) == days else {})

    report = nightcheck.check_sample(few, dataclasses.replace(REPLAY, factors=sometimes))
    assert [leak.name for leak in report.stages[3].leaks] == ["factors: late"]


def test_other_futures_leave_the_past_rows_alone(few: Sample) -> None:
    cut, random = few.cuts[3].day, np.random.default_rng(1)
    past = few.bars.frame["date"].to_numpy().astype("datetime64[D]") < cut
    before = few.bars.frame[past]
    for name, change in {"truncated": poison.truncated, **poison.CHANGES}.items():
        frame = change(few.bars, cut, random).frame
        days = frame["date"].to_numpy().astype("datetime64[D]")
        assert frame[days < cut].reset_index(drop=True).equals(before.reset_index(drop=True))
        assert len(frame) == (int(past.sum()) if name == "truncated" else len(few.bars.frame))
