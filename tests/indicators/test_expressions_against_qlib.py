"""Every factor of Alpha158 and 25 operators equal what pyqlib computed on a Qlib directory."""

from __future__ import annotations

import csv
import os
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.data.panel import Panel
from tasks.data.sources import qlib
from tasks.indicators.alpha158 import ALPHA158
from tasks.indicators.alpha360 import ALPHA360
from tasks.indicators.expressions import evaluate, parse

REAL = os.environ.get("QILIN_REAL_DATA")
needs_real_data = pytest.mark.skipif(not REAL, reason="QILIN_REAL_DATA is unset: no golden values")

#: Qlib computes in float32 where a window is not involved: its own rounding, largest in logs
ROUNDING = {"rtol": 2e-4, "atol": 2e-5}


@pytest.fixture(scope="module")
def panel(tmp_path_factory) -> Panel:
    folder = tmp_path_factory.mktemp("qlib")
    with tarfile.open(Path(REAL) / "qlib_dir_mini_from_mit.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return qlib.stored(next(folder.glob("*/calendars")).parent)


def golden(name: str) -> pd.DataFrame:
    return pd.read_parquet(Path(REAL) / name)


def compare(ours: np.ndarray, theirs: np.ndarray, name: str) -> None:
    assert np.array_equal(np.isnan(ours), np.isnan(theirs)), f"{name}: NaN in other places"
    np.testing.assert_allclose(ours, theirs, err_msg=name, **ROUNDING)


def rows_of(panel: Panel, frame: pd.DataFrame, symbol: str):
    mine = frame[frame.instrument == symbol]
    days = mine.datetime.to_numpy().astype("datetime64[D]")
    return mine, np.searchsorted(panel.dates, days), panel.column(f"{symbol[2:]}.{symbol[:2]}")


@needs_real_data
def test_alpha158_expressions_are_qlibs():
    with (Path(REAL) / "golden_qlib_alpha158_expressions.csv").open() as file:
        theirs = {row["name"]: row["expression"] for row in csv.DictReader(file)}
    assert list(ALPHA158.items()) == list(theirs.items())


@needs_real_data
def test_alpha158_values_are_qlibs(panel):
    expected = golden("golden_qlib_alpha158_SH600519_2020H2.parquet")
    values = evaluate(ALPHA158, panel)
    mine, rows, column = rows_of(panel, expected, "SH600519")
    assert len(mine) > 100
    for name in ALPHA158:
        compare(values[name][rows, column], mine[name].to_numpy(float), name)


def look_back(expression: str) -> int:
    """Rows before the first that Qlib loads: the longest window less one, or the shift."""
    graph, _ = parse({"f": expression})
    longest = 0
    for node in graph.nodes:
        if node.operator == "EMA" and node.parameters[0] < 1:
            longest = max(longest, int(np.log(1e-6) / np.log(1 - node.parameters[0])) - 1)
        elif node.operator == "Ref":
            longest = max(longest, int(node.parameters[0]))
        elif node.parameters and node.operator not in ("field", "number"):
            longest = max(longest, int(node.parameters[0]) - 1)
    return longest


OPERATOR_NAMES = [
    *("Ref($close,1)", "Mean($close,5)", "Std($close,20)", "EMA($close,12)", "WMA($close,10)"),
    *("Rank($close,20)", "Quantile($close,20,0.8)", "Slope($close,20)", "Rsquare($close,20)"),
    *("Resi($close,20)", "Corr($close,Log($volume+1),20)", "Skew($close,20)", "Kurt($close,20)"),
    *("Mad($close,20)", "IdxMax($high,20)", "IdxMin($low,20)", "Delta($close,5)", "Max($high,20)"),
    *("Med($close,20)", "Sum($volume,5)", "If($close>$open,1,-1)", "Abs($close-$open)"),
    *("Cov($close,$volume,20)", "EMA($close,0.1)", "Count($close>$open,10)"),
]


@needs_real_data
@pytest.mark.parametrize("expression", OPERATOR_NAMES)
def test_operator_values_are_qlibs(expression, panel):
    expected = golden("golden_qlib_ops_2015_2017.parquet")
    assert expression in expected.columns
    for symbol in expected.instrument.unique():
        mine, rows, column = rows_of(panel, expected, symbol)
        # Qlib computes on the rows it loads: exponential means begin there, not at the listing
        begin = max(0, rows[0] - look_back(expression))
        values = evaluate({"f": expression}, panel.rows(slice(begin, None)))["f"]
        compare(values[rows - begin, column], mine[expression].to_numpy(float), expression)


@needs_real_data
def test_every_golden_operator_is_tested():
    frame = golden("golden_qlib_ops_2015_2017.parquet")
    assert set(OPERATOR_NAMES) == set(frame.columns) - {"instrument", "datetime"}
    holes = frame.groupby("instrument")["Abs($close-$open)"].apply(lambda x: x.isna().sum())
    assert holes.max() > 0, "the golden rows should hold suspended days"


def test_counts_and_order():
    assert len(ALPHA158) == 158
    assert len(ALPHA360) == 360
    assert list(ALPHA360)[:2] == ["CLOSE59", "CLOSE58"]
    assert ALPHA360["VOLUME0"] == "$volume/($volume+1e-12)"
    parse(ALPHA158)
    parse(ALPHA360)
