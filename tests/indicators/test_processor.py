"""Indicator columns of frames: the ancestor's snippet, and each of its faults as a test."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from tasks.arrays.devices import GPUBackend
from tasks.errors import UserError
from tasks.indicators import GPUDataProcessor, processor, technical

DAYS = 200


@pytest.fixture(scope="module")
def df() -> pd.DataFrame:
    """Two symbols on very different price levels, rows shuffled."""
    rng = np.random.default_rng(0)
    parts = []
    for symbol, level in (("000001.SZ", 10.0), ("600519.SH", 1000.0)):
        close = level * np.exp(np.cumsum(rng.normal(0, 0.02, DAYS)))
        parts.append(
            pd.DataFrame(
                {
                    "symbol": symbol,
                    "date": pd.date_range("2020-01-01", periods=DAYS),
                    "open": close,
                    "high": close * 1.01,
                    "low": close * 0.99,
                    "close": close,
                    "volume": rng.integers(1, 10_000, DAYS),
                }
            )
        )
    return pd.concat(parts).sample(frac=1, random_state=0)


def test_snippet(df):
    processor_ = GPUDataProcessor(backend=GPUBackend.RAPIDS)
    df_processed = processor_.calculate_indicators_gpu(df)
    assert list(df_processed.columns) == [*df.columns, *processor.COLUMNS]
    assert df_processed.index.equals(df.index)
    pd.testing.assert_frame_equal(df_processed[df.columns], df)
    assert processor_.reason.endswith(".")


def test_no_symbol_bleeds_into_another(df):
    whole = GPUDataProcessor().calculate_indicators_gpu(df)
    for symbol, rows in df.groupby("symbol"):
        alone = GPUDataProcessor().calculate_indicators_gpu(
            rows.drop(columns="symbol").sort_values("date")
        )
        mine = whole[whole.symbol == symbol].sort_values("date").drop(columns="symbol")
        pd.testing.assert_frame_equal(mine, alone)
        assert mine["roc_10"].iloc[:10].isna().all()
        assert mine["roc_10"].abs().max() < 100  # the ancestor's first return was +9,900 %


@pytest.mark.parametrize("backend", list(GPUBackend))
def test_every_backend_gives_the_same_columns_warm_up_and_values(backend, df):
    reference = GPUDataProcessor(GPUBackend.CPU).calculate_indicators_gpu(df)
    pd.testing.assert_frame_equal(GPUDataProcessor(backend).calculate_indicators_gpu(df), reference)


def test_nothing_looks_ahead(df):
    known = df[df.date < "2020-05-01"]
    early = GPUDataProcessor().calculate_indicators_gpu(known)
    late = GPUDataProcessor().calculate_indicators_gpu(df)
    pd.testing.assert_frame_equal(late[late.date < "2020-05-01"], early)


def test_no_rows_are_lost_and_warm_up_is_that_of_the_longest_look_back(df):
    result = GPUDataProcessor().calculate_indicators_gpu(df)
    assert len(result) == len(df)
    counts = result.groupby("symbol")[list(processor.COLUMNS)].count().min()
    assert counts["sma_60"] == DAYS - 59
    assert counts["macd"] == DAYS - 33
    assert counts.min() == DAYS - 59


def test_values_are_those_of_the_technical_functions(df):
    rows = df[df.symbol == "600519.SH"].sort_values("date")
    result = GPUDataProcessor().calculate_indicators_gpu(rows)
    close, high, low, volume = (rows[c].to_numpy(float) for c in ("close", "high", "low", "volume"))
    np.testing.assert_array_equal(result["rsi_14"], technical.rsi(close))
    np.testing.assert_array_equal(result["kdj_j"], technical.kdj(high, low, close)[2])
    np.testing.assert_array_equal(result["bb_lower"], technical.bbands(close)[2])
    np.testing.assert_array_equal(result["mfi_14"], technical.mfi(high, low, close, volume))
    np.testing.assert_array_equal(result["correl_20"], technical.correl(close, volume, 20))


def test_polars_in_polars_out(df):
    ours = GPUDataProcessor().calculate_indicators_gpu(pl.from_pandas(df))
    assert isinstance(ours, pl.DataFrame)
    theirs = GPUDataProcessor().calculate_indicators_gpu(df)
    for name in processor.COLUMNS:
        np.testing.assert_array_equal(ours[name].to_numpy(), theirs[name].to_numpy())


def test_an_index_of_dates_orders_the_rows(df):
    rows = df[df.symbol == "600519.SH"].drop(columns="symbol").set_index("date")
    ordered = GPUDataProcessor().calculate_indicators_gpu(rows.sort_index())
    pd.testing.assert_frame_equal(
        GPUDataProcessor().calculate_indicators_gpu(rows).sort_index(), ordered
    )


def test_capital_column_names_are_read(df):
    rows = df.rename(columns=str.capitalize)
    result = GPUDataProcessor().calculate_indicators_gpu(rows)
    assert result["sma_5"].notna().sum() == 2 * (DAYS - 4)


def test_unknown_bars_are_skipped(df):
    rows = df[df.symbol == "600519.SH"].sort_values("date")
    gap = rows.copy()
    gap.loc[gap.index[50], ["high", "low", "close"]] = np.nan
    result = GPUDataProcessor().calculate_indicators_gpu(gap)
    dense = GPUDataProcessor().calculate_indicators_gpu(gap.dropna())
    assert result["sma_5"].isna().iloc[50]
    pd.testing.assert_frame_equal(result.drop(index=gap.index[50]), dense)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.drop(columns=["low", "volume"]), "no column 'low', 'volume'; it has symbol"),
        (lambda d: d.drop(columns="symbol"), "several rows for .*add a column 'symbol'"),
        (lambda d: pd.concat([d, d]), "symbol 000001.SZ has several rows"),
        (lambda d: d.assign(low="cheap"), "column 'low' is text, not numbers"),
        (lambda d: d["close"].to_numpy(), "a ndarray is no frame"),
    ],
)
def test_wrong_frames_are_explained(change, message, df):
    with pytest.raises(UserError, match=message):
        GPUDataProcessor().calculate_indicators_gpu(change(df))


def test_no_rows_give_no_rows(df):
    assert len(GPUDataProcessor().calculate_indicators_gpu(df.iloc[:0])) == 0


def test_one_symbol_of_one_bar_does_not_empty_the_rest(df):
    one = df[df.symbol == "000001.SZ"].iloc[:1].assign(symbol="300750.SZ")
    result = GPUDataProcessor().calculate_indicators_gpu(pd.concat([df, one]))
    alone = result[result.symbol == "300750.SZ"]
    assert alone[[c for c in processor.COLUMNS if c != "obv"]].isna().all(axis=None)
    assert result["sma_60"].count() == 2 * (DAYS - 59)


def test_no_code_here_evaluates_text():
    """The ancestor passed factor strings to `eval`."""
    root = Path(processor.__file__).parent
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", "")
                assert name not in ("eval", "exec", "compile"), f"{path}:{node.lineno}"
