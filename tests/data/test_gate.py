"""The gate against a slow, obvious judge, and what may never change its verdict."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.data.bars import Bars
from tasks.data.config import GateConfig
from tasks.data.gate import gate
from tasks.data.gate_rules import RULES
from tasks.market import calendar

DAYS = calendar.sessions("2024-01-02", "2024-03-29")
FREE = GateConfig(calendar="none")
COLUMNS = ["symbol", "date", "open", "high", "low", "close", "volume", "amount"]


def row(symbol="600519.SH", day=0, o=10.0, h=10.5, low=9.8, c=10.2, volume=1e5, amount=1e6):
    return (symbol, DAYS[day] if isinstance(day, int) else np.datetime64(day), o, h, low, c,
            volume, amount)  # fmt: skip


def bars(rows, adjustment="unadjusted", benchmarks=()):
    frame = pd.DataFrame(rows, columns=COLUMNS)
    frame["date"] = frame["date"].astype("datetime64[us]")
    frame["symbol"] = frame["symbol"].astype("category")
    return Bars(frame, adjustment, "test", tuple(benchmarks))


def rules_of(gated):
    return list(gated.quarantine["rule"])


NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("change", "rule"),
    [({"day": "2024-01-06"}, "no_session"), ({"day": "NaT"}, "no_date"),
     ({"c": NAN}, "price_missing"), ({"h": INF}, "price_infinite"),
     ({"low": -INF}, "price_infinite"), ({"o": 0.0, "low": 0.0}, "price_not_positive"),
     ({"c": -1.0}, "price_not_positive"), ({"h": 9.0}, "high_below_low"),
     ({"o": 11.0}, "outside_range"), ({"c": 9.7}, "outside_range"),
     ({"volume": NAN}, "volume_missing"), ({"volume": -1.0}, "volume_invalid"),
     ({"volume": INF}, "volume_invalid"), ({"volume": 0.0}, "volume_zero"),
     ({"amount": -1.0}, "amount_invalid"), ({"amount": INF}, "amount_invalid")],
)  # fmt: skip
def test_each_fault_is_set_aside_under_its_rule_and_the_rest_goes_on(change, rule):
    gated = gate(bars([row(day=1), row(**{"day": 2} | change), row("000001.SZ", 2)]))
    assert rules_of(gated) == [rule]
    assert len(gated.frame) == 2
    check = {c.name: c for c in gated.checks}[rule]
    assert check.bad == 1
    assert check.state == "FAIL"
    assert check.worst.startswith("600519.SH")


def test_a_clean_frame_passes_every_check():
    gated = gate(bars([row(day=d) for d in range(5)]))
    assert {c.state for c in gated.checks} == {"PASS"}
    assert {c.name for c in gated.checks} == {"repeated", *RULES} - {"deadly"}
    assert not len(gated.quarantine)
    assert gated.frame["suspended"].sum() == 0


@pytest.mark.parametrize(
    "change",
    [{"o": 10.2, "h": 10.2, "low": 10.2, "volume": 0.0},
     {"o": 10.2, "h": 10.2, "low": 10.2, "volume": NAN},
     {"o": 0.0, "h": 0.0, "low": 0.0, "volume": 0.0},
     {"o": NAN, "h": NAN, "low": NAN, "volume": 0.0},
     {"o": NAN, "h": NAN, "low": NAN, "c": NAN, "volume": NAN, "amount": NAN}],
)  # fmt: skip
def test_a_suspended_row_is_no_fault(change):
    gated = gate(bars([row(day=1), row(**{"day": 2} | change)]))
    assert not len(gated.quarantine)
    last = gated.frame.iloc[-1]
    assert last["suspended"] == 1
    assert last[["open", "high", "low", "close"]].isna().all()
    assert (last["volume"], last["amount"]) == (0.0, 0.0)
    assert last["carried"] == pytest.approx(change.get("c", 10.2), nan_ok=True)
    assert any("1 rows are suspended" in note for note in gated.notes)


def test_an_index_needs_no_volume():
    rows = [row("000300.SH", d, volume=v) for d, v in enumerate((0.0, NAN, 5.0))]
    gated = gate(bars([*rows, row()], benchmarks=["000300.SH"]))
    assert not len(gated.quarantine)
    assert gated.frame["suspended"].sum() == 0
    assert gated.panel().benchmarks == ("000300.SH",)


def test_a_factor_is_required_of_raw_prices_only():
    for adjustment, rules in (("raw", ["factor_invalid"] * 3), ("unadjusted", [])):
        source = bars([row(day=d) for d in range(4)], adjustment)
        source.frame["factor"] = [1.0, 0.0, NAN, -2.0]
        assert rules_of(gate(source)) == rules


def test_equal_rows_count_once_and_contradictions_are_all_set_aside():
    gated = gate(bars([row(day=1), row(day=1), row(day=2), row(day=2, c=10.3), row(day=2)]))
    assert list(gated.frame["date"]) == [pd.Timestamp(DAYS[1])]
    assert rules_of(gated) == ["contradiction"]
    assert gated.quarantine["value"].item() == 2
    assert {c.name: c for c in gated.checks}["repeated"].bad == 2


def test_rows_that_are_equal_in_their_gaps_count_once():
    gated = gate(bars([row(day=1, amount=NAN)] * 2))
    assert len(gated.frame) == 1
    assert not len(gated.quarantine)


def test_a_tolerance_lets_rounding_pass():
    tiny = bars([row(o=10.501)])
    assert rules_of(gate(tiny)) == ["outside_range"]
    assert rules_of(gate(tiny, GateConfig(range_tolerance=0.001))) == []


def test_weekends_matter_only_for_mainland_symbols():
    weekend = [row("AAPL", "2024-01-06"), row("600519.SH", "2024-01-06")]
    assert list(gate(bars(weekend)).quarantine["symbol"]) == ["600519.SH"]
    assert not len(gate(bars(weekend), FREE).quarantine)


def test_days_before_the_calendar_are_let_pass():
    assert not len(gate(bars([row(day="1990-12-20")])).quarantine)


def test_a_symbol_with_too_many_bad_rows_is_set_aside_from_that_day_on():
    config = GateConfig(max_bad_share=0.2, min_bad_rows=3, window=10)
    bad = {10, 12, 14}
    gated = gate(bars([row(day=d, h=1.0 if d in bad else 10.5) for d in range(30)]), config)
    days = gated.quarantine.set_index("date")["rule"]
    unreliable = sorted(np.searchsorted(DAYS, days[days == "symbol_unreliable"].index.to_numpy()))
    # Three of the last ten rows are bad on days 14 to 19; 14 is bad itself.
    assert unreliable == [15, 16, 17, 18, 19]
    assert (days == "high_below_low").sum() == 3


def test_the_panel_knows_suspended_quarantined_and_not_yet_listed():
    flat = {"o": 10.2, "h": 10.2, "low": 10.2}
    rows = [row(day=d) for d in range(4)]
    rows += [row("000001.SZ", 1), row("000001.SZ", 2, h=1.0), row("300750.SZ", 0)]
    rows += [row("300750.SZ", 1, volume=0.0, **flat)]
    panel = gate(bars(rows)).panel()
    assert panel.symbols == ("000001.SZ", "300750.SZ", "600519.SH")
    expected = [[NAN, 0, 0], [0, 1, 0], [0, 1, 0], [1, 1, 0]]
    np.testing.assert_array_equal(panel["suspended"], np.array(expected, dtype=float))
    assert np.isnan(panel["close"][2, 0])


def test_nothing_left_is_still_an_answer():
    gated = gate(bars([row(h=1.0)]))
    assert not len(gated.frame)
    assert rules_of(gated) == ["high_below_low"]


price = st.sampled_from([9.0, 10.0, 10.0, 10.0, 11.0, 0.0, -1.0, NAN, INF])
one_row = st.builds(
    row,
    symbol=st.sampled_from(["600519.SH", "000001.SZ", "000300.SH"]),
    day=st.one_of(st.integers(0, 8), st.just("2024-01-06"), st.just("NaT")),
    o=price, h=price, low=price, c=price,
    volume=st.sampled_from([0.0, 100.0, 100.0, NAN, -1.0, INF]),
    amount=st.sampled_from([0.0, 1000.0, NAN, -1.0]),
)  # fmt: skip
SMALL = GateConfig(max_bad_share=0.4, min_bad_rows=2, window=4)
quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def priced(rows):
    """Raw bars, so that the price limits are tested too."""
    found = bars(rows, "raw")
    return dataclasses.replace(found, frame=found.frame.assign(factor=1.0))


def same(left, right):
    pd.testing.assert_frame_equal(left.frame, right.frame)
    pd.testing.assert_frame_equal(left.quarantine, right.quarantine)
    assert [c for c in left.checks if c.name != "repeated"] == [
        c for c in right.checks if c.name != "repeated"
    ]


@quick
@given(st.lists(one_row, min_size=1, max_size=25), st.randoms(use_true_random=False))
def test_order_and_repetition_of_rows_change_nothing(rows, random):
    shuffled = rows + random.sample(rows, random.randint(0, len(rows)))
    random.shuffle(shuffled)
    same(
        gate(bars(rows, benchmarks=["000300.SH"]), SMALL),
        gate(bars(shuffled, benchmarks=["000300.SH"]), SMALL),
    )


@quick
@given(st.lists(one_row, min_size=1, max_size=25), st.integers(0, 8))
def test_the_verdict_on_a_day_uses_rows_up_to_that_day(rows, last):
    cut = DAYS[last]
    until = [r for r in rows if not r[1] > cut]
    if not until:
        return
    whole, part = gate(priced(rows), SMALL), gate(priced(until), SMALL)

    def early(frame):
        kept = frame[~(frame["date"] > cut)].assign(symbol=lambda f: f["symbol"].astype(object))
        return kept.reset_index(drop=True)

    pd.testing.assert_frame_equal(early(whole.frame), early(part.frame))
    pd.testing.assert_frame_equal(early(whole.quarantine), early(part.quarantine))


@quick
@given(st.lists(one_row, min_size=1, max_size=25))
def test_against_a_slow_judge(rows):
    gated = gate(bars(rows, benchmarks=["000300.SH"]), SMALL)
    expected = slow_judge(rows)
    found = {(r.symbol, str(r.date)[:10]): r.rule for r in gated.quarantine.itertuples(index=False)}
    assert found == {key: rule for key, rule in expected.items() if rule not in ("", "suspended")}
    passed = {
        (r.symbol, str(r.date)[:10]): "suspended" if r.suspended else ""
        for r in gated.frame.itertuples(index=False)
    }
    assert passed == {k: rule for k, rule in expected.items() if rule in ("", "suspended")}


def slow_judge(rows):
    """Verdict of each (symbol, day), one row after the other."""
    versions = {}
    for r in rows:
        versions.setdefault((r[0], str(r[1])), set()).add(
            tuple("nan" if x != x else x for x in r[2:])
        )
    by_key = {(r[0], str(r[1])): r for r in rows}
    verdict, history = {}, {}
    for key in sorted(by_key, key=lambda k: (k[0], "" if k[1] == "NaT" else k[1])):
        rule = slow_rule(by_key[key], len(versions[key]))
        past = history.setdefault(key[0], [])
        past.append(rule not in ("", "suspended", "no_date"))
        recent = past[-SMALL.window :]
        lost = sum(recent) >= SMALL.min_bad_rows and sum(recent) / len(recent) > 0.4
        verdict[key] = "symbol_unreliable" if lost and rule in ("", "suspended") else rule
    return verdict


def slow_rule(r, versions):
    symbol, day, o, h, low, c, volume, amount = r
    prices, idle = [o, h, low, c], volume == 0 or math.isnan(volume)
    index = symbol == "000300.SH"
    if np.isnat(day):
        return "no_date"
    if str(day) == "2024-01-06":
        return "no_session"
    if versions > 1:
        return "contradiction"
    if idle and all(math.isnan(p) for p in prices):
        return "suspended"
    repeats = all(math.isnan(p) or p in (c, 0) for p in (o, h, low)) and 0 < c < INF
    if idle and repeats and not index:
        return "suspended"
    tests = [
        ("price_missing", any(math.isnan(p) for p in prices)),
        ("price_infinite", any(math.isinf(p) for p in prices)),
        ("price_not_positive", any(p <= 0 for p in prices)),
        ("high_below_low", h < low),
        ("outside_range", not (low <= o <= h and low <= c <= h)),
        ("volume_missing", math.isnan(volume) and not index),
        ("volume_invalid", volume < 0 or math.isinf(volume)),
        ("volume_zero", volume == 0 and not index),
        ("amount_invalid", amount < 0),
    ]
    return next((name for name, broken in tests if broken), "")


def test_a_symbol_that_killed_its_workers_is_set_aside_whole_and_warned_of():
    rows = [row(s, day=d) for s in ("600000.SH", "600001.SH") for d in range(5)]
    gated = gate(bars(rows), deadly=["600001.SH"])
    assert list(gated.panel().symbols) == ["600000.SH"]
    assert list(gated.quarantine["rule"]) == ["deadly"] * 5
    check = next(c for c in gated.checks if c.name == "deadly")
    assert (check.state, check.bad, check.worst) == ("WARN", 5, "600001.SH")
