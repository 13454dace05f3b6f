"""What a panel refuses to be made of."""

import numpy as np
import pandas as pd
import pytest

from tasks.data.panel import Panel
from tasks.errors import UserError

DAYS = np.array(["2024-01-02", "2024-01-03"], dtype="datetime64[D]")
CLOSE = np.full((2, 1), 10.0)


@pytest.mark.parametrize(
    ("dates", "symbols", "close", "message"),
    [
        (["2024-01-02", "2024-01-03"], ("A",), CLOSE, "dates are no array of dates: give them as"),
        (np.array(["2024-01-02", "2024-01-03"]), ("A",), CLOSE, "dates are no array of dates"),
        (DAYS, ("A",), CLOSE.tolist(), "field 'close' is a list: give an array"),
        (DAYS, ("A", "B"), CLOSE, r"shape \(2, 1\), the panel's grid is \(2, 2\)"),
        (DAYS[::-1], ("A",), CLOSE, "not ascending or repeat"),
        (DAYS, ("A", "A"), np.full((2, 2), 10.0), "symbols repeat"),
    ],
)
def test_what_is_no_grid_is_one_sentence(dates, symbols, close, message):
    with pytest.raises(UserError, match=message):
        Panel(dates, symbols, {"close": close})


def test_an_index_of_dates_becomes_days():
    panel = Panel(pd.DatetimeIndex(DAYS), ("A",), {"close": CLOSE})
    np.testing.assert_array_equal(panel.dates, DAYS)
    assert panel.dates.dtype == "datetime64[D]"
