import numpy as np
import pytest

from tasks.data.panel import Panel
from tasks.errors import UserError
from tasks.models.crosssection import centred_rank
from tasks.validation.alarms import CLEAN, PLANTED, planted_leaks
from tasks.validation.leaks import CHANGES, EARLY, LASTING, check


def panel(days=120, n=25, seed=0):
    random = np.random.default_rng(seed)
    close = 10 * np.exp(np.cumsum(0.02 * random.standard_normal((days, n)), axis=0))
    close[random.random(close.shape) < 0.02] = np.nan
    dates = np.arange("2024-01-01", "2025-01-01", dtype="datetime64[D]")[:days]
    fields = {"close": close, "volume": np.where(np.isnan(close), 0.0, 1e6)}
    return Panel(dates, tuple(f"{600000 + i}.SH" for i in range(n)), fields, "adjusted")


def mean_of_five(p):
    out = np.full(p.shape, np.nan)
    out[4:] = sum(p["close"][k : len(p.dates) - 4 + k] for k in range(5)) / 5
    return out


def test_what_looks_back_or_across_is_clean():
    report = check(lambda p: {"mean": mean_of_five(p), "rank": centred_rank(p["close"])}, panel())
    assert report.ok
    assert report.names == ("mean", "rank")
    assert len(report.cuts) == 3 + len(early := [row for row in EARLY if row < 67])
    assert report.evaluations == 1 + 3 * len(CHANGES) + len(early) * len(LASTING)
    assert report.sentence == "2 outputs at 7 cuts: none uses the future"


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("change", list(CHANGES))
def test_each_change_alone_finds_tomorrow(change, seed, monkeypatch):
    kept = {change: CHANGES[change]}
    monkeypatch.setattr("tasks.validation.leaks.CHANGES", kept)
    report = check(PLANTED["tomorrow's value planted"], panel(seed=seed), seed=seed)
    assert not report.ok
    assert report.leaks[0].change == change


def test_the_first_cell_that_changed_is_named():
    p = panel()

    def peek(q):
        """One cell looks ten days ahead."""
        out = q["close"].copy()
        if len(q.dates) > 60:
            out[50, 7] = q["close"][60, 7]
        return {"good": q["close"], "bad": out}

    report = check(peek, p, cuts=[55])
    assert {leak.name for leak in report.leaks} == {"bad"}
    first = report.leaks[0]
    assert (first.date, first.symbol, first.cut) == (
        str(p.dates[50]),
        "600007.SH",
        str(p.dates[55]),
    )
    assert first.before == p["close"][60, 7]
    assert first.after == p["close"][50, 7]
    assert "600007.SH" in report.sentence
    assert "uses data from the future" in report.sentence
    assert check(peek, p, cuts=[61]).ok


def filled_from_behind(p):
    out = mean_of_five(p)
    out[:4] = out[4]
    return out


@pytest.mark.parametrize(
    "fn",
    [
        lambda p: p["close"] - np.nanmean(p["close"][:40], axis=0),
        lambda p: np.where(np.arange(p.shape[0])[:, None] < 3, np.nanmax(p["close"][:9], 0), 0.0),
        filled_from_behind,
    ],
    ids=["scale of the first weeks", "first days know the second week", "first days filled"],
)
@pytest.mark.parametrize("days", [40, 120, 700])
def test_a_leak_among_the_first_days_is_found(fn, days):
    p = panel(days=120) if days < 700 else long_panel()
    report = check(lambda q: {"x": fn(q)}, p.rows(slice(0, days)))
    assert not report.ok
    assert days < 100 or report.leaks[0].change in LASTING


def long_panel():
    p = panel(days=366)
    twice = {name: np.concatenate([values, values]) for name, values in p.fields.items()}
    return Panel(np.arange("2024-01-01", "2026-01-02", dtype="datetime64[D]"), p.symbols, twice)


def test_a_function_cannot_write_into_the_panel():
    p = panel()
    before = p["close"].copy()

    def filled(q):
        q["close"][:] = 0.0
        return {"x": q["close"]}

    with pytest.raises(UserError, match="filled writes into an array of the panel"):
        check(filled, p)
    np.testing.assert_array_equal(p["close"], before)


def test_what_a_function_keeps_hides_no_leak():
    kept, buffer = [], np.empty((120, 25))

    def remembering(q):
        kept.append(np.roll(q["close"], -1, axis=0))
        return {"x": kept[0][: len(q.dates)]}

    def reusing(q):
        out = buffer[: len(q.dates)]
        out[:] = np.roll(q["close"], -1, axis=0)
        return {"x": out}

    with pytest.raises(UserError, match="'x' has shape"):
        check(remembering, panel())
    assert not check(reusing, panel()).ok


def test_a_leak_of_one_ulp_is_a_leak():
    def nudge(p):
        out = p["close"].copy()
        out[5] = np.nextafter(out[5], np.inf) if len(p.dates) % 2 else out[5]
        return {"x": out}

    report = check(nudge, panel(days=120), cuts=[61])
    assert not report.ok
    before, after = report.leaks[0].values
    assert before != after
    assert f"is {before} and becomes {after} when" in report.sentence


@pytest.mark.parametrize("seed", range(8))
def test_every_planted_leak_is_caught_and_the_clean_one_passes(seed):
    alarms = planted_leaks(panel(seed=seed), seed=seed)
    assert {a.name for a in alarms} == set(PLANTED)
    assert len(PLANTED) == 6
    for alarm in alarms:
        assert alarm.ok, alarm
        assert alarm.expected == ("clean" if alarm.name == CLEAN else "caught")


def test_a_change_of_the_future_leaves_the_past_alone():
    p = panel()
    random = np.random.default_rng(1)
    for name, change in CHANGES.items():
        other = change(p, 70, random)
        for field in p.fields:
            np.testing.assert_array_equal(other[field][:70], p[field][:70])
        assert name == "truncated" or not np.array_equal(
            other["close"][70:], p["close"][70:], equal_nan=True
        )


def test_wrong_cuts_shapes_and_outputs_are_refused():
    p = panel()
    with pytest.raises(UserError, match="cannot cut at"):
        check(lambda q: {"x": q["close"]}, p, cuts=[500])
    with pytest.raises(UserError, match="output 'x' has shape"):
        check(lambda q: {"x": q["close"][0]}, p)
    with pytest.raises(UserError, match="'late' appears or vanishes"):
        check(lambda q: {"x": q["close"]} | ({"late": q["close"]} if len(q.dates) > 100 else {}), p)


def test_faults_of_the_function_are_passed_on():
    def broken(p):
        if len(p.dates) < 120:
            raise ZeroDivisionError("short")
        return {"x": p["close"]}

    with pytest.raises(ZeroDivisionError, match="short"):
        check(broken, panel())
