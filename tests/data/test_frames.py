import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from tasks.data.panel import Panel
from tasks.errors import UserError


def frame():
    return pd.DataFrame({
        "symbol": ["B", "A", "A"],
        "date": pd.to_datetime(["2024-01-03", "2024-01-02", "2024-01-03"]),
        "close": [3.0, 1.0, 2.0],
        "volume": [30, 10, 20],
    })  # fmt: skip


@pytest.mark.parametrize(
    "kind",
    [lambda f: f, lambda f: f.assign(symbol=f["symbol"].astype("category")),
     lambda f: f.assign(symbol=f["symbol"].astype(object)), pl.from_pandas,
     lambda f: pl.from_pandas(f).with_columns(pl.col("symbol").cast(pl.Categorical)),
     pa.Table.from_pandas],
)  # fmt: skip
def test_frames_of_every_kind_give_the_same_panel(kind):
    panel = Panel.from_frame(kind(frame()))
    assert panel.symbols == ("A", "B")
    assert [str(d) for d in panel.dates] == ["2024-01-02", "2024-01-03"]
    np.testing.assert_array_equal(panel["close"], [[1, np.nan], [2, 3]])
    np.testing.assert_array_equal(panel["volume"], [[10, 0], [20, 30]])
    assert panel["close"].flags.c_contiguous


def test_a_given_calendar_adds_empty_days_and_refuses_stray_ones():
    calendar = np.array(["2024-01-02", "2024-01-03", "2024-01-04"], dtype="datetime64[D]")
    assert np.isnan(Panel.from_frame(frame(), calendar=calendar)["close"][2]).all()
    with pytest.raises(UserError, match="2 rows are on days that are no exchange sessions"):
        Panel.from_frame(frame(), calendar=calendar[[0, 2]])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [(lambda f: pd.concat([f, f.head(1)]), "several rows for one symbol"),
     (lambda f: f.drop(columns="date"), "no column 'date'"),
     (lambda f: f.assign(symbol=["A", None, "B"]), "1 rows without a symbol"),
     (lambda f: f.assign(date=pd.NaT), "3 rows without a date")],
)  # fmt: skip
def test_what_no_panel_can_be_made_of(change, sentence):
    with pytest.raises(UserError, match=sentence):
        Panel.from_frame(change(frame()))


def test_there_and_back():
    panel = Panel.from_frame(frame())
    again = Panel.from_frame(panel.to_frame())
    assert again.symbols == panel.symbols
    np.testing.assert_array_equal(again["close"], panel["close"])
