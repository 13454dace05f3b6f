"""The dated rule book: what held on a day, what changed between two days."""

import itertools

import numpy as np
import pytest

from tasks.errors import UserError
from tasks.market.rule import Rule
from tasks.market.rules import MARKETS, RuleBook, a_share_rules, rule_book
from tasks.market.rules_a_share import ROWS
from tasks.market.rules_limits import ruled_percent

BOOK = a_share_rules()


def overlap(a, b):
    return a.start <= (b.end or "9999") and b.start <= (a.end or "9999")


@pytest.mark.parametrize("market", MARKETS)
def test_rows_never_contradict_each_other(market):
    rows = rule_book(market).rows
    for a, b in itertools.combinations(rows, 2):
        same = (a.topic, a.status) == (b.topic, b.status) and set(a.boards) & set(b.boards)
        if same and (a.exchange == b.exchange or not a.exchange or not b.exchange):
            assert not overlap(a, b), (a, b)


@pytest.mark.parametrize("market", MARKETS)
def test_every_row_has_a_source_and_dates_in_order(market):
    rows = rule_book(market).rows
    for row in rows:
        assert row.source
        assert np.datetime64(row.start) <= np.datetime64(row.end or "2100-01-01")


@pytest.mark.parametrize(
    ("symbol", "day", "special", "limit"),
    [
        ("600519.SH", "2024-05-06", False, 0.10),
        ("600519.SH", "2026-07-03", True, 0.05),
        ("600519.SH", "2026-07-06", True, 0.10),
        ("300750.SZ", "2020-08-21", False, 0.10),
        ("300750.SZ", "2020-08-21", True, 0.05),
        ("300750.SZ", "2020-08-24", False, 0.20),
        ("300750.SZ", "2020-08-24", True, 0.20),
        ("688981.SH", "2021-01-04", False, 0.20),
        ("830799.BJ", "2022-01-04", False, 0.30),
    ],
)
def test_price_limits_by_board_status_and_day(symbol, day, special, limit):
    assert BOOK.rules_on(symbol, day, special=special).price_limit == limit


def test_a_day_has_all_its_rules():
    before, after = (BOOK.rules_on("688981.SH", d) for d in ("2023-08-25", "2023-08-28"))
    assert (before.stamp_duty_sell, after.stamp_duty_sell) == (0.001, 0.0005)
    assert before.stamp_duty_buy == 0.0
    assert (after.lot_minimum, after.lot_step) == (200, 1)
    assert after.settlement_days == 1
    assert (after.commission_minimum, after.commission_cap) == (5.0, 0.003)


def test_what_changed_between_two_days():
    changes = BOOK.diff("2022-04-28", "2023-08-28")
    assert {(c.after or c.before).topic for c in changes} == {
        "transfer_fee", "stamp_duty_sell", "free_sessions", "first_day_up", "first_day_down"
    }  # fmt: skip
    assert all(c.after is None for c in changes if c.before.topic.startswith("first_day"))
    stamp = next(c for c in changes if c.before and c.before.topic == "stamp_duty_sell")
    assert (stamp.before.value, stamp.after.value) == (0.001, 0.0005)
    assert BOOK.diff("2024-01-02", "2024-01-03") == []
    opened = BOOK.diff("2019-07-19", "2019-07-22")
    assert all(c.before is None and "star" in c.after.boards for c in opened)


def test_fees_over_days():
    days = np.array(["2007-05-29", "2007-05-30", "2008-09-19", "2023-08-28"], dtype="datetime64[D]")
    np.testing.assert_array_equal(BOOK.by_day("stamp_duty_buy", days), [0.001, 0.003, 0, 0])
    np.testing.assert_array_equal(
        BOOK.by_day("stamp_duty_sell", days), [0.001, 0.003, 0.001, 0.0005]
    )


def test_the_fees_of_the_nineties_are_known_and_none_are_guessed():
    days = ["1991-01-02", "1997-05-09", "1997-05-12", "1998-06-11", "1998-06-12", "2001-11-16"]
    for side in ("stamp_duty_buy", "stamp_duty_sell"):
        rates = BOOK.by_day(side, np.array(days, dtype="datetime64[D]"))
        np.testing.assert_array_equal(rates, [0.003, 0.003, 0.005, 0.005, 0.004, 0.002])
    with pytest.raises(UserError, match="no stamp_duty_sell for main on 1980-01-01: choose other"):
        BOOK.by_day("stamp_duty_sell", np.array(["1980-01-01"], dtype="datetime64[D]"))
    bars = np.array(["2001-11-15T14:59", "2001-11-16T09:31"], dtype="datetime64[us]")
    np.testing.assert_array_equal(BOOK.by_day("stamp_duty_buy", bars), [0.004, 0.002])


def test_lots_of_each_board():
    minimum, step = BOOK.lots(["600000.SH", "688001.SH", "830799.BJ", "AAPL"], "2024-01-02")
    np.testing.assert_array_equal(minimum, [100, 200, 100, 1])
    np.testing.assert_array_equal(step, [100, 1, 1, 1])
    before = BOOK.lots(["600000.SH", "688001.SH"], "2018-12-28")  # when there was no STAR Market
    np.testing.assert_array_equal(before, [[100, 200], [100, 1]])


def test_a_day_before_the_rules_is_an_error_and_rows_can_be_added():
    with pytest.raises(UserError, match=r"no price_limit for 688981\.SH"):
        BOOK.rules_on("688981.SH", "2018-01-02")
    wider = Rule("price_limit", ("main",), "", "normal", "2027-01-04", "", 0.2, "a test")
    old = next(r for r in ROWS if r.topic == "price_limit")._replace(end="2027-01-03")
    book = RuleBook((old, wider, *(r for r in ROWS if r != ROWS[0])))
    assert book.value("price_limit", "600000.SH", "2027-01-04") == 0.2
    assert book.value("price_limit", "600000.SH", "2026-12-31") == 0.1


def test_every_market_has_a_book_of_the_same_kind():
    for name in MARKETS:
        book = rule_book(name)
        assert book.name == name
        assert {t for r in book.rows for t in r.boards} == set(book.boards)
        for topic in ("settlement_days", "lot_minimum", "lot_step", "stamp_duty_sell"):
            assert any(r.topic == topic for r in book.rows), (name, topic)
    assert rule_book() == BOOK
    with pytest.raises(UserError, match="market 'moon' is unknown"):
        rule_book("moon")


def test_us_equities_have_no_limit_no_lot_and_dated_fees():
    rules = rule_book("us_equity").rules_on("AAPL", "2025-05-14")
    assert (rules.price_limit, rules.lot_minimum, rules.settlement_days) == (None, 1, 0)
    assert (rules.stamp_duty_sell, rules.commission_cap) == (0.0, None)
    with pytest.raises(UserError, match="no lot_minimum for 600519"):
        rule_book("us_equity").rules_on("600519.SH", "2025-05-14")


def test_what_was_in_force_falls_back_on_the_normal_rows():
    rows = {r.topic: r for r in BOOK.in_force("600519.SH", "2022-01-04", "delisting")}
    assert rows["price_limit"].status == "delisting"
    assert rows["free_sessions"].status == "delisting"
    assert rows["lot_minimum"].status == "normal"
    before = {r.topic: r for r in BOOK.in_force("600519.SH", "2018-01-04", "delisting")}
    assert (before["price_limit"].status, before["price_limit"].value) == ("normal", 0.1)
    assert "free_sessions" not in before  # a rule for new listings


STATUSES = ("normal", "st", "delisting")


@pytest.mark.parametrize("symbol", ["600519.SH", "300750.SZ", "688981.SH", "830799.BJ"])
def test_the_grid_the_day_and_the_command_agree_on_every_limit(symbol):
    days = np.array([f"{y}-{m}-15" for y in range(1998, 2027) for m in ("03", "09")], "M8[D]")
    grid = ruled_percent(BOOK, days)[:, BOOK.boards.index(BOOK.place(symbol)[0])]
    for s, t in itertools.product(range(3), range(len(days))):
        rule = BOOK.ruling("price_limit", *BOOK.place(symbol), STATUSES[s], str(days[t]))
        assert grid[s, t] == (np.inf if rule is None else round(100 * rule.value))


@pytest.mark.parametrize(
    ("symbol", "day", "percent"),
    [
        ("600519.SH", "2015-06-01", 0.10),
        ("600519.SH", "2021-01-04", 0.10),
        ("300750.SZ", "2020-08-21", 0.10),
        ("300750.SZ", "2020-08-24", 0.20),
        ("300750.SZ", "2021-01-04", 0.20),
        ("688981.SH", "2020-08-24", 0.20),
        ("830799.BJ", "2024-06-03", 0.30),
    ],
)
def test_limits_of_the_delisting_period(symbol, day, percent):
    assert BOOK.value("price_limit", symbol, day, "delisting") == percent
