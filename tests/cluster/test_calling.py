import numpy as np
import pandas as pd
import pytest

from tasks.cluster.calling import own, required, with_data, with_parameters

FRAME = pd.DataFrame({"close": [1.0, 2.0]})


@pytest.mark.parametrize(
    "function",
    [
        lambda symbol, data: (symbol, data),
        lambda data, symbol: (symbol, data),
        lambda df, code, window=5: (code, df),
        lambda a, b: (a, b),
    ],
)
def test_symbol_and_data_come_in_either_order(function):
    symbol, data = with_data(function, "600519.SH", FRAME)
    assert symbol == "600519.SH"
    pd.testing.assert_frame_equal(data, FRAME)


def test_one_parameter_is_the_data_or_a_strategy():
    assert with_data(len, "600519.SH", FRAME) == 2
    assert with_data(lambda x: x, "600519.SH", FRAME) is not FRAME
    assert with_data(lambda strategy: strategy["a"], {"a": 1}, FRAME) == 1
    assert len(with_data(lambda data: data, {"a": 1}, FRAME)) == 2


@pytest.mark.parametrize(
    "function",
    [
        lambda params: params["window"] + params["threshold"],
        lambda window, threshold: window + threshold,
        lambda window, threshold=0, cost=0: window + threshold + cost,
        lambda *, window, threshold: window + threshold,
    ],
)
def test_parameters_come_by_name_or_as_one_dictionary(function):
    assert with_parameters(function, {"window": 5, "threshold": 2}) == 7


def test_what_a_builtin_wants_cannot_always_be_asked():
    assert required(dict) == []
    assert with_parameters(dict, {"a": 1}) == {"a": 1}


def test_writing_into_the_data_is_seen_by_nobody_else():
    frame, array, nested = FRAME.copy(), np.arange(3.0), {"a": [FRAME.copy()]}
    given = own(frame)
    given["new"] = 1
    given.loc[0, "close"] = 99
    assert list(frame.columns) == ["close"]
    assert frame["close"][0] == 1
    with pytest.raises(ValueError, match="read-only"):
        own(array)[0] = 1
    inner = own(nested)["a"][0]
    inner["new"] = 1
    assert list(nested["a"][0].columns) == ["close"]
