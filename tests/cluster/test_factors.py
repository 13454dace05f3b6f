import numpy as np
import pandas as pd
import pytest

from tasks.cluster.factors import DistributedFactorCalculator
from tasks.cluster.manager import ClusterConfig, DaskDistributedManager, DistributedMode
from tasks.errors import UserError
from tasks.indicators.expressions import calculate_factors

FACTORS = {
    "ma5": "Mean($close, 5) / $close",
    "past": "Ref($close, 3)",
    "corr": "Corr($close, Log($volume + 1), 10)",
    "rank": "CSRank(Mean($close, 3))",
    "z": "CSZScore($volume)",
}


@pytest.fixture(scope="module", params=[1, 3])
def calculator(request):
    config = ClusterConfig(DistributedMode.THREADS, n_workers=request.param)
    with DaskDistributedManager(config) as manager:
        yield DistributedFactorCalculator(manager)


def market(symbols=6, days=40):
    """Symbols that miss different days, so that no block sees the whole calendar by itself."""
    rng = np.random.default_rng(3)
    frames = []
    for i in range(symbols):
        kept = np.sort(rng.choice(days, size=days // 2 + 3 * i, replace=False))
        close = 10 + rng.standard_normal(len(kept)).cumsum()
        frames.append(
            pd.DataFrame(
                {
                    "symbol": f"{600000 + i}.SH",
                    "date": np.datetime64("2026-01-05") + kept,
                    "close": np.abs(close) + 1,
                    "volume": rng.integers(1, 99, len(kept)),
                }
            )
        )
    return pd.concat(frames).sample(frac=1, random_state=0)


def test_values_are_those_of_one_computation(calculator):
    frame = market()
    found = calculator.calculate_factors_batch(frame, FACTORS)
    expected = calculate_factors(frame, FACTORS, "cpu")
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert found[["ma5", "past", "rank"]].notna().any().all()


def test_the_same_with_dates_in_the_index(calculator):
    frame = market().set_index("date")
    found = calculator.calculate_factors_batch(frame, FACTORS)
    expected = calculate_factors(frame, FACTORS, "cpu")
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_the_same_for_one_symbol_without_a_name(calculator):
    frame = market(symbols=1).drop(columns="symbol")
    factors = {"ma5": FACTORS["ma5"]}
    found = calculator.calculate_factors_batch(frame, factors)
    pd.testing.assert_frame_equal(found, calculate_factors(frame, factors, "cpu"), check_exact=True)


def test_expressions_may_be_their_own_names(calculator):
    found = calculator.calculate_factors_batch(market(), ["Mean($close, 5)", "CSRank($close)"])
    assert list(found.columns[-2:]) == ["Mean($close, 5)", "CSRank($close)"]


def test_a_factor_is_never_run_as_code(calculator, tmp_path):
    marker = tmp_path / "ran"
    text = f"__import__('pathlib').Path({str(marker)!r}).touch()"
    with pytest.raises(UserError):
        calculator.calculate_factors_batch(market(), {"evil": text})
    assert not marker.exists()


def test_a_missing_field_is_named(calculator):
    with pytest.raises(UserError, match="amount"):
        calculator.calculate_factors_batch(market(), {"a": "Mean($amount, 5)"})
    with pytest.raises(UserError, match="amount"):
        calculator.calculate_factors_batch(market(), {"a": "CSRank($amount)"})


def test_a_symbol_that_fails_costs_its_own_rows(calculator):
    frame = market()
    twice = frame[frame["symbol"] == "600002.SH"].head(1)
    found = calculator.calculate_factors_batch(pd.concat([frame, twice]), {"ma5": FACTORS["ma5"]})
    mine = found["symbol"] == "600002.SH"
    assert found.loc[mine, "error"].str.contains("several rows").all()
    assert found.loc[mine, "ma5"].isna().all()
    assert found.loc[~mine, "error"].isna().all()
    expected = calculate_factors(frame, {"ma5": FACTORS["ma5"]}, "cpu")
    pd.testing.assert_series_equal(
        found.loc[~mine, "ma5"], expected.loc[expected["symbol"] != "600002.SH", "ma5"]
    )


def test_rolling_windows_of_an_expression(calculator):
    frame = market()
    windows = np.array([5, 10])
    found = calculator.rolling_factor_calculation(frame, "Mean($close, {window})", windows, "ma")
    expected = calculate_factors(
        frame, {"ma_5": "Mean($close, 5)", "ma_10": "Mean($close, 10)"}, "cpu"
    )
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_rolling_windows_of_a_function(calculator):
    frame = market()
    found = calculator.rolling_factor_calculation(frame, lambda rows: rows["close"].max(), [3])
    ordered = frame.sort_values("date")
    expected = ordered.groupby("symbol")["close"].transform(lambda s: s.rolling(3).max())
    ordered = found.sort_values("date")
    np.testing.assert_array_equal(ordered["factor_3"].to_numpy(), expected.to_numpy())
    assert "error" not in found


@pytest.mark.parametrize(
    ("factor", "windows", "text"),
    [
        ("Mean($close, 5)", [5], "does not say where the window goes"),
        ("Mean($close, {window})", [], "are not all whole numbers"),
        ("Mean($close, {window})", [0], "are not all whole numbers"),
        ("Mean($close, {window})", [True], "are not all whole numbers"),
        ("Mean($close, {window})", 5, r"windows 5 are not all whole numbers .* give a list"),
        ("Mean($close, {window})", "55", "are not all whole numbers"),
        ("Mean($close, {window})", [None], "are not all whole numbers"),
    ],
)
def test_wrong_windows_are_named(calculator, factor, windows, text):
    with pytest.raises(UserError, match=text):
        calculator.rolling_factor_calculation(market(), factor, windows)


@pytest.mark.parametrize(
    ("factors", "words"),
    [
        ("Mean($close,2)", r"the factors are 'Mean.*: give a mapping"),
        (None, "the factors are None"),
        ({"close": "Ref($close, 1)"}, "'close' would take the place of the frame's column"),
        ({"volume": "CSRank($close)"}, "'volume' would take the place"),
        ({1: "$close"}, "factor 1 is"),
        ([5], "factor 5 is 5"),
    ],
)
def test_wrong_factors_are_named(calculator, factors, words):
    with pytest.raises(UserError, match=words):
        calculator.calculate_factors_batch(market(), factors)


def test_made_twice_is_made_once(calculator):
    once = calculator.calculate_factors_batch(market(), FACTORS)
    pd.testing.assert_frame_equal(calculator.calculate_factors_batch(once, FACTORS), once)


def test_no_rows_give_no_rows(calculator):
    empty = market().head(0)
    for found in (
        calculator.calculate_factors_batch(empty, FACTORS),
        calculator.calculate_factors_batch(empty.drop(columns="symbol"), FACTORS),
    ):
        assert len(found) == 0
        assert list(found.columns[-len(FACTORS) :]) == list(FACTORS)
    rolled = calculator.rolling_factor_calculation(empty, lambda rows: rows["close"].max(), [3])
    assert rolled["factor_3"].tolist() == []


def test_rolling_windows_of_a_function_go_by_dates_written_as_texts(calculator):
    frame = market()
    written = frame.assign(date=[f"{d.year}-{d.month}-{d.day}" for d in frame["date"]])
    indexed = written.set_index(["date", "symbol"])
    expected = calculator.rolling_factor_calculation(frame, lambda rows: rows["close"].max(), [3])
    for other in (written, indexed):
        found = calculator.rolling_factor_calculation(other, lambda rows: rows["close"].max(), [3])
        np.testing.assert_array_equal(found["factor_3"].to_numpy(), expected["factor_3"].to_numpy())
