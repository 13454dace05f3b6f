"""Days in any spelling are one moment; what is no day is refused, never guessed."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from tasks.data.sources.columns import REQUIRED
from tasks.data.spelling import DATE_NAMES, SPELLINGS, SYMBOL_NAMES, WEAK_DATE_NAMES, moment

NINTH = np.datetime64("2024-01-09", "us")


@pytest.mark.parametrize(
    "value",
    [
        "2024-1-9", "2024-01-09", "20240109", "2024/1/9", "2024.01.09", "2024年1月9日",
        " 2024-01-09 ", "2024-01-09 00:00:00", "2024-01-09T00:00:00.000Z", 20240109,
        np.int64(20240109), 20240109.0, dt.date(2024, 1, 9),
        pd.Timestamp("2024-01-09"), pd.Timestamp("2024-01-09", tz="Asia/Shanghai"),
        pd.Period("2024-01-09", "D"), NINTH.astype("datetime64[D]"),
    ],
)  # fmt: skip
def test_a_day_in_any_spelling(value):
    assert moment(value) == NINTH


def test_a_time_of_day():
    assert moment("2024-01-09 9:30") == NINTH + np.timedelta64(570, "m")
    assert moment("2024-01-09T09:30:15.25+08:00") == NINTH + np.timedelta64(34_215_250, "ms")


@pytest.mark.parametrize("value", [None, float("nan"), pd.NA, pd.NaT, "", "-", "NaN", "<NA>"])
def test_nothing_is_no_time(value):
    assert np.isnat(moment(value))


@pytest.mark.parametrize(
    "value",
    ["2024-13-01", "2024-02-30", "202419", "1/9/2024", "2024-1/9", "2024-01", "soon", 5, 1.5,
     True, 202401, "2024-01-09 25:00", "2024-01-09 soon", dt.time(9, 30)],
)  # fmt: skip
def test_what_is_no_day_is_refused(value):
    with pytest.raises(ValueError, match=r"."):
        moment(value)


def test_no_name_has_two_meanings():
    names = [n for name, others in SPELLINGS.items() for n in (name, *others)]
    assert len(names) == len(set(names))
    assert all(n == n.lower() for n in names)
    assert set(REQUIRED) <= set(SPELLINGS)
    assert not set(SYMBOL_NAMES) & {*DATE_NAMES, *WEAK_DATE_NAMES}
