"""The grammar, operators across symbols, sharing, and errors that mark their place."""

from __future__ import annotations

import contextlib

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.data.panel import Panel
from tasks.errors import UserError
from tasks.indicators import technical
from tasks.indicators.expressions import calculate_factors, evaluate, parse
from tasks.indicators.expressions.operators import OPERATORS

A = np.array([[1.0, 4.0, np.nan], [2.0, 3.0, 5.0], [4.0, 4.0, 8.0]])
B = np.array([[3.0, 1.0, 2.0], [2.0, 5.0, np.nan], [9.0, 1.0, 4.0]])


@pytest.fixture
def panel() -> Panel:
    dates = np.datetime64("2020-01-01") + np.arange(3)
    fields = {"close": A, "b": B, "volume": np.where(np.isnan(A), 0.0, 100.0)}
    return Panel(dates, ("600000.SH", "000001.SZ", "000300.SH"), fields, "adjusted")


def value(panel, text):
    return evaluate({"f": text}, panel)["f"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$close + $b * 2", A + B * 2),
        ("($close + $b) * 2", (A + B) * 2),
        ("$close - $b - 1", A - B - 1),
        ("$close / $b / 2", A / B / 2),
        ("-$close ** 2", -(A**2)),
        ("2 ** 3 ** 2 + $close * 0", 512 + A * 0),
        ("$close ** -1", 1 / A),
        ("+$close - -$b", A + B),
        ("1.5e1 * $close - .5", 15 * A - 0.5),
        ("Power($close, 2)", A**2),
        ("Greater($close, $b)", np.maximum(A, B)),
        ("Less($close, 3)", np.minimum(A, 3)),
        ("Abs($close - $b)", np.abs(A - B)),
        ("Sign($close - $b)", np.sign(A - B)),
        ("Log($close)", np.log(A)),
        ("Add(Sub($close, $b), Div(Mul($b, 2), 4))", A - B + B / 2),
    ],
)
def test_arithmetic(text, expected, panel):
    np.testing.assert_allclose(value(panel, text), expected, rtol=1e-15)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$close > $b", A > B),
        ("$close >= $b", A >= B),
        ("$close < $b", A < B),
        ("$close <= $b", A <= B),
        ("$close == $b", A == B),
        ("$close != $b", A != B),
        ("($close > 1) & ($b > 1)", (A > 1) & (B > 1)),
        ("($close > 3) | ($b > 3)", (A > 3) | (B > 3)),
        ("Not(Gt($close, $b))", ~(A > B)),
        ("And(Ge($close, 2), Le($b, 2))", (A >= 2) & (B <= 2)),
        ("Or(Lt($close, 2), Eq($b, 2))", (A < 2) | (B == 2)),
        ("Ne($close, 4)", A != 4),
        ("If($close > $b, $close, -1)", np.where(A > B, A, -1)),
    ],
)
def test_conditions_are_0_or_1_and_missing_before_the_listing(text, expected, panel):
    wanted = expected.astype(float)
    wanted[0, 2] = np.nan  # the third symbol is listed on the second day
    np.testing.assert_array_equal(value(panel, text), wanted)


def test_volume_of_a_day_without_trading_is_missing(panel):
    assert np.isnan(value(panel, "$volume")[0, 2])
    assert value(panel, "Mean($volume, 3)")[2, 2] == 100.0


def test_vwap_is_amount_over_volume_if_there_is_none(panel):
    volume = panel["volume"]
    amount = volume * 7
    with_amount = panel.with_fields(amount=amount)
    np.testing.assert_allclose(value(with_amount, "$vwap")[1:], 7.0)
    own = with_amount.with_fields(vwap=A)
    np.testing.assert_array_equal(value(own, "$vwap"), A)


def test_ranks_and_scores_of_a_day():
    rng = np.random.default_rng(0)
    x = np.round(rng.normal(size=(40, 30)), 1)
    x[rng.random(x.shape) < 0.1] = np.nan
    x[7] = np.nan
    x[8, 1:] = np.nan
    symbols = tuple(f"{i:06d}.SZ" for i in range(30))
    panel = Panel(np.datetime64("2020-01-01") + np.arange(40), symbols, {"close": x})
    frame = pd.DataFrame(x)
    texts = {"rank": "CSRank($close)", "score": "CSZScore($close)", "mean": "CSDemean($close)"}
    ours = evaluate({**texts, "clip": "CSWinsorize($close, 0.1)"}, panel)
    np.testing.assert_allclose(ours["rank"], frame.rank(axis=1, pct=True), rtol=1e-14)
    mean = frame.sub(frame.mean(axis=1), axis=0)
    np.testing.assert_allclose(ours["mean"], mean, atol=1e-14)
    score = mean.div(frame.std(axis=1), axis=0)
    score.iloc[8, 0] = 0.0 if np.isfinite(x[8, 0]) else np.nan
    np.testing.assert_allclose(ours["score"], score, atol=1e-13)
    clip = frame.clip(frame.quantile(0.1, axis=1), frame.quantile(0.9, axis=1), axis=0)
    np.testing.assert_allclose(ours["clip"], clip, rtol=1e-14)


def test_groups_are_compared_within_themselves():
    rng = np.random.default_rng(1)
    x = np.round(rng.normal(size=(50, 23)), 1)
    x[rng.random(x.shape) < 0.1] = np.nan
    industry = np.floor(rng.random(x.shape) * 4)
    industry[rng.random(x.shape) < 0.1] = np.nan  # in no group
    symbols = tuple(f"{i:06d}.SZ" for i in range(23))
    dates = np.datetime64("2020-01-01") + np.arange(50)
    panel = Panel(dates, symbols, {"close": x, "industry": industry})
    names = {"CSRank": "", "CSZScore": "", "CSDemean": "", "CSWinsorize": "0.2, "}
    texts = {n: f"{n}($close, {share}$industry)" for n, share in names.items()}
    ours = evaluate(texts, panel)
    for t in range(50):
        groups = pd.Series(x[t]).groupby(industry[t])
        theirs = {
            "CSRank": groups.rank(pct=True),
            "CSDemean": groups.transform(lambda v: v - v.mean()),
            "CSZScore": groups.transform(
                lambda v: (v - v.mean()) / v.std() if v.count() > 1 and v.std() > 0 else v * 0
            ),
            "CSWinsorize": groups.transform(lambda v: v.clip(v.quantile(0.2), v.quantile(0.8))),
        }
        for name, expected in theirs.items():
            np.testing.assert_allclose(ours[name][t], expected, atol=1e-13, err_msg=name)
    one = evaluate({"f": "CSRank($close, $close * 0)"}, panel)["f"]
    np.testing.assert_array_equal(one, evaluate({"f": "CSRank($close)"}, panel)["f"])


def test_the_order_of_symbols_changes_no_bit():
    rng = np.random.default_rng(2)
    symbols = tuple(f"{i:06d}.SZ" for i in range(37))
    fields = {
        "close": rng.lognormal(3, 1, (40, 37)),
        "industry": rng.integers(0, 5, (40, 37)) * 1.0,
    }
    panel = Panel(np.datetime64("2020-01-01") + np.arange(40), symbols, fields)
    texts = {n: f"{n}($close, $industry) + Std({n}($close), 7)" for n in ("CSRank", "CSZScore")}
    texts |= {"d": "CSDemean(Corr($close, $industry, 5))", "w": "CSWinsorize($close, 0.1)"}
    order = rng.permutation(37)
    there = evaluate(texts, panel.columns(order))
    for name, here in evaluate(texts, panel, block=5).items():
        assert here[:, order].tobytes() == there[name].tobytes(), name


def test_indices_are_never_ranked(panel):
    import dataclasses

    marked = dataclasses.replace(panel, benchmarks=("000300.SH",))
    ranks = value(marked, "CSRank($close)")
    assert np.isnan(ranks[:, 2]).all()
    np.testing.assert_array_equal(ranks[:, :2], [[0.5, 1.0], [0.5, 1.0], [0.75, 0.75]])


@pytest.mark.parametrize(
    "text",
    [
        "Mask($close, '600000.SH')",
        "Mask($close, 'sh600000')",
        "ChangeInstrument('SH600000', $close)",
    ],
)
def test_another_symbols_values(text, panel):
    expected = np.repeat(A[:, [0]], 3, axis=1)
    expected[0, 2] = np.nan
    np.testing.assert_array_equal(value(panel, text), expected)


def test_operators_across_symbols_nest(panel):
    text = "CSRank(CSRank($close) + Mean(CSDemean($b), 2)) - Ref(CSRank($close), 1)"
    assert value(panel, text).shape == A.shape
    inner = value(panel, "CSRank($close)")
    outer = value(panel, "Ref(CSRank($close), 1)")
    np.testing.assert_array_equal(outer[1:], inner[:-1])


def test_equal_parts_are_computed_once():
    graph, roots = parse(
        {"a": "Mean($close, 5) / $close", "b": "Mean( $close ,5)*2", "c": "$close > Mean($close,5)"}
    )
    assert sum(node.operator == "Mean" for node in graph.nodes) == 1
    assert len(set(roots)) == 3


def test_labels_may_look_ahead_and_nothing_else(panel):
    label = "Ref($close, -2) / Ref($close, -1) - 1"
    with pytest.raises(UserError, match="Ref looks 2 days ahead: only labels may do that"):
        value(panel, label)
    ahead = evaluate({"y": label}, panel, allow_future=True)["y"]
    np.testing.assert_allclose(ahead[0], A[2] / A[1] - 1)
    assert np.isnan(ahead[1:]).all()
    with pytest.raises(UserError, match="Delta looks 1 day ahead"):
        value(panel, "Delta($close, 1 - 2)")


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("Mean($close 5)", 13, "',' is expected here, not '5'"),
        ("Mean($close, 5", 15, "'\\)' is expected here, not the end"),
        ("Mean($close)", 12, "too few arguments: Mean\\(expression, days\\)"),
        ("Mean($close, 5, 6)", 15, "too many arguments: Mean"),
        ("$close + Maen($b, 5)", 10, "no operator 'Maen', did you mean Mean?"),
        ("Mean($close, $b)", 14, "a plain number is expected"),
        ("CSRank($close, $b, $b)", 18, "too many arguments: CSRank\\(expression\\[, group\\]\\)"),
        ("CSRank($close, 2)", 1, "CSRank of a number says nothing"),
        ("CSWinsorize($close, $b)", 21, "a plain number is expected here"),
        ("Mean($close, 2.5)", 14, "2.5 is no number of days"),
        ("Mean($close, -5)", 14, "a window of -5 days is none"),
        ("Quantile($close, 5, 1.5)", 21, "the share is 1.5"),
        ("Mean($close, 100001)", 14, "100001 days are too many: give 100000 at most"),
        ("Ref($close, -1)", 13, "Ref looks 1 day ahead"),
        ("$close $b", 8, "'\\$b' is not expected here"),
        ("$close > 1 > 2", 12, "comparisons cannot be chained"),
        ("", 1, "a value is expected here, not the end"),
        ("3 * 4", 1, "the expression is a number"),
        ("Mean(3, 4)", 1, "Mean of numbers alone"),
        ("Corr($close, 3, 4)", 1, "Corr of a number"),
        ("$close / (1 / 0)", 13, "no finite result"),
        ("$close * 1e999", 10, "too large a number"),
        ("$close # 2", 8, "'#' is no part of the language"),
        ("__import__('os').system('ls')", 17, "'.' is no part of the language"),
        ("__import__('os')", 1, "no operator '__import__'"),
        ("$close.values", 7, "'.' is no part of the language"),
        ("$$roe_q + $close", 1, "point-in-time fields"),
        ("$close + 'x'", 10, "text stands only for a symbol"),
        ("Mask($close, 5)", 14, "a symbol in quotes"),
        ("$close[0]", 7, "'\\[' is no part of the language"),
        ("lambda: 0", 7, "':' is no part of the language"),
        ('eval("1")', 1, "no operator 'eval'"),
    ],
)
def test_errors_mark_their_place(text, place, message, panel):
    with pytest.raises(UserError, match=message) as error:
        value(panel, text)
    head, shown, mark = str(error.value).split("\n")
    assert head.startswith(f"factor 'f', character {place}: ")
    assert shown.strip() == text.strip()
    assert mark.index("^") - 2 == place - 1


def test_unknown_fields_and_symbols_are_explained(panel):
    with pytest.raises(UserError, match=r"no field \$roe") as error:
        value(panel, "1 + $roe")
    assert str(error.value).startswith("factor 'f', character 5: ")
    assert "the data have $b, $close, $volume\n" in str(error.value)
    with pytest.raises(UserError, match=r"no field \$Clsoe, did you mean \$close\?"):
        value(panel, "Mean($Clsoe, 5)")
    with pytest.raises(UserError, match=r"'999999.SH', which is not in the panel"):
        value(panel, "Mask($close, '999999.SH')")
    with pytest.raises(UserError, match="factor 'f' is int, not text"):
        value(panel, 5)
    with pytest.raises(UserError, match="device 'tpu' is unknown"):
        evaluate({"f": "$close"}, panel, "tpu")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(" * 5000 + "$close" + ")" * 5000, "nested deeper than 100"),
        ("-" * 5000 + "$close", "nested deeper than 100"),
        ("$close ** " * 3000 + "2", "nested deeper than 100"),
        ("Mean(" * 3000 + "$close" + ", 2)" * 3000, "nested deeper than 100"),
        ("$close + " * 200_000 + "1", "has 1,800,001 characters, the limit is 100,000"),
        ("\x00\u202e$close", "is no part of the language"),
    ],
)
def test_hostile_texts_end_in_a_sentence(text, message, panel):
    with pytest.raises(UserError, match=message) as error:
        value(panel, text)
    assert len(str(error.value)) < 500


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"dtype": "int64"}, "dtype is 'int64': give float64 or float32"),
        ({"dtype": "float16"}, "dtype is 'float16'"),
        ({"dtype": "foo"}, "dtype is 'foo'"),
        ({"dtype": None}, "dtype is None"),
        ({"dtype": ">f8"}, "dtype is '>f8'"),
        ({"block": 0}, "block is 0, the number of symbols side by side: give a whole number from"),
        ({"block": -1}, "block is -1"),
        ({"block": 2.5}, "block is 2.5"),
        ({"block": True}, "block is True"),
    ],
)
def test_results_are_floats_and_blocks_whole_numbers(given, words, panel):
    with pytest.raises(UserError, match=words):
        evaluate({"f": "$close"}, panel, **given)
    with pytest.raises(UserError, match=words):
        technical.compute({"f": "sma"}, panel, **given)


@pytest.mark.parametrize("dtype", ["float32", "f4", np.float32, np.dtype("float32")])
def test_a_dtype_may_be_named_in_any_way(dtype, panel):
    assert evaluate({"f": "$close"}, panel, dtype=dtype, block=np.int64(2))["f"].dtype == np.float32


@pytest.mark.parametrize("wrong", ["$close", ["$close"], None])
def test_expressions_have_names(wrong, panel):
    with pytest.raises(UserError, match="not names with a text each"):
        evaluate(wrong, panel)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("block", [None, 1])
def test_names_of_one_expression_get_an_array_each(dtype, block, panel):
    texts = ("$close / $b", "Med($close, 2)", "Quantile($close, 2, 0.5)", "CSRank($b)", "$b")
    asked = {f"{text} {n}": text for n in range(3) for text in texts}
    found = evaluate(asked, panel, dtype=dtype, block=block)
    for name in found:
        twin = evaluate({"f": asked[name]}, panel, dtype=dtype)["f"]
        np.testing.assert_array_equal(found[name], twin)
        found[name][:] = -1.0
    np.testing.assert_array_equal(panel["b"], B)


def test_a_long_flat_text_is_no_fault(panel):
    text = " + ".join(["$close"] * 3000)
    np.testing.assert_allclose(value(panel, text), A * 3000)


@settings(max_examples=300)
@given(st.text(alphabet="$close(),.+-*/<>=&| 0123456789MeanRf'\"", max_size=40))
def test_any_text_is_parsed_or_refused_in_words(text):
    with contextlib.suppress(UserError):
        parse({"f": text})


def test_no_bars_and_no_symbols_are_no_fault():
    texts = {name: f"{name}($close, 3)" for name in ("Mean", "Std", "Rank", "Slope", "Ref")}
    texts["cs"] = "CSRank($close)"
    for shape in ((0, 2), (3, 0), (1, 1)):
        dates = np.datetime64("2020-01-01") + np.arange(shape[0])
        symbols = tuple(str(i) for i in range(shape[1]))
        panel = Panel(dates, symbols, {"close": np.ones(shape)})
        assert all(v.shape == shape for v in evaluate(texts, panel).values())


def test_a_field_alone_is_a_copy(panel):
    given = value(panel, "$close")
    np.testing.assert_array_equal(given, A)
    given[:] = 0
    assert panel["close"][0, 0] == 1.0


def test_every_operator_explains_itself():
    assert all(op.usage.startswith(f"{name}(") for name, op in OPERATORS.items())


FACTORS = {"mom": "$close / Ref($close, 5) - 1", "size": "CSRank($volume)"}


class TestFieldsOfAnyKind:
    GRID = np.random.default_rng(0).lognormal(size=(12, 3))

    @pytest.mark.parametrize("kind", ["numpy", "pandas", "polars", "torch", "series"])
    def test_results_come_in_the_kind_given(self, kind):
        texts = {"ma": "Mean($close, 3)", "vol": "$Volume / $close".lower()}
        expected = pd.DataFrame(self.GRID).rolling(3, min_periods=1).mean().to_numpy()
        if kind == "numpy":
            make, back = np.asarray, np.asarray
        elif kind == "pandas":
            make = lambda x: pd.DataFrame(x, columns=list("abc"))  # noqa: E731 -- one of several
            back = pd.DataFrame.to_numpy
        elif kind == "polars":
            make, back = lambda x: pl.DataFrame(x, schema=list("abc")), pl.DataFrame.to_numpy
        elif kind == "torch":
            torch = pytest.importorskip("torch")
            make, back = torch.tensor, lambda x: x.numpy()
        else:
            make, back, expected = lambda x: pd.Series(x[:, 0]), pd.Series.to_numpy, expected[:, 0]
        given = {"close": make(self.GRID), "Volume": make(self.GRID * 2)}
        found = calculate_factors(given, texts)
        assert type(found["ma"]) is type(given["close"])
        np.testing.assert_allclose(back(found["ma"]), expected, rtol=1e-14)
        np.testing.assert_allclose(back(found["vol"]), 2.0, rtol=1e-14)

    def test_fields_of_different_shapes_are_named(self):
        with pytest.raises(UserError, match=r"close \(12, 3\), b \(11, 3\)"):
            calculate_factors({"close": self.GRID, "b": self.GRID[1:]}, {"f": "$b"})
        with pytest.raises(UserError, match="no fields to compute on"):
            calculate_factors({}, {"f": "$b"})


class TestLongFrames:
    @pytest.fixture
    def df(self):
        rng = np.random.default_rng(0)
        rows = [
            {"symbol": s, "date": d, "close": rng.lognormal(), "Volume": rng.integers(1, 99)}
            for s in ("A", "B")
            for d in pd.date_range("2020-01-01", periods=40)
            if rng.random() > 0.1
        ]
        return pd.DataFrame(rows).sample(frac=1, random_state=0)

    def test_columns_are_added_in_kind_and_in_place(self, df):
        result = calculate_factors(df, FACTORS)
        pd.testing.assert_frame_equal(result[df.columns], df)
        wide = df.pivot(index="date", columns="symbol", values="close")
        expected = (wide / wide.shift(5) - 1).stack().rename("expected").reset_index()
        both = result.merge(expected, how="left", on=["symbol", "date"])
        np.testing.assert_allclose(both["mom"], both["expected"], rtol=1e-14)
        assert set(result["size"]) <= {0.5, 1.0}
        other = calculate_factors(pl.from_pandas(df), FACTORS)
        assert isinstance(other, pl.DataFrame)
        np.testing.assert_array_equal(other["mom"].to_numpy(), result["mom"])

    def test_symbols_do_not_meet(self, df):
        whole = calculate_factors(df, {"mom": FACTORS["mom"]})
        changed = df.assign(close=df["close"].where(df.symbol == "B", 1e6))
        other = calculate_factors(changed, {"mom": FACTORS["mom"]})
        assert whole[whole.symbol == "B"]["mom"].notna().sum() > 20
        pd.testing.assert_series_equal(
            whole[whole.symbol == "B"]["mom"], other[other.symbol == "B"]["mom"]
        )

    def test_without_dates_rows_count_as_they_stand(self):
        one = pd.DataFrame({"close": [1.0, 2.0, 4.0]})
        assert calculate_factors(one, {"r": "$close / Ref($close, 1)"})["r"].tolist()[1:] == [2, 2]

    def test_code_is_refused(self, df):
        with pytest.raises(UserError, match="is no part of the language"):
            calculate_factors(df, {"evil": "__import__('os').getcwd()"})
