"""Frames cut by symbol equal frames that were never cut, bit for bit."""

import numpy as np
import pandas as pd
import pytest

from tasks.cluster.frames import by_symbol, joined
from tasks.cluster.manager import ClusterConfig, DaskDistributedManager, DistributedMode
from tasks.cluster.processor import DistributedDataProcessor
from tasks.errors import UserError
from tasks.indicators.processor import COLUMNS, GPUDataProcessor


@pytest.fixture(scope="module", params=[1, 3])
def manager(request):
    config = ClusterConfig(DistributedMode.THREADS, n_workers=request.param)
    with DaskDistributedManager(config) as found:
        yield found


@pytest.fixture
def processor(manager):
    return DistributedDataProcessor(manager)


def market(symbols=7, days=90, seed=0, shuffle=True):
    """A long frame with gaps; rows shuffled, so that no order is there by luck."""
    rng = np.random.default_rng(seed)
    frames = []
    for i in range(symbols):
        kept = np.sort(rng.choice(days, size=days - 5 * (i % 3), replace=False))
        close = 10 * (i + 1) * np.exp(np.cumsum(0.02 * rng.standard_normal(len(kept))))
        frames.append(
            pd.DataFrame(
                {
                    "symbol": f"{600000 + i}.SH",
                    "date": np.datetime64("2026-01-05") + kept,
                    "open": close, "high": close * 1.01, "low": close * 0.99, "close": close,
                    "volume": rng.integers(1000, 9000, len(kept)).astype(float),
                }
            )
        )  # fmt: skip
    frame = pd.concat(frames, ignore_index=True)
    return frame.sample(frac=1, random_state=seed) if shuffle else frame


def test_indicators_equal_those_of_the_whole_frame(processor):
    frame = market()
    expected = GPUDataProcessor("cpu").calculate_indicators_gpu(frame)
    found = processor.calculate_indicators_distributed(frame)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_no_row_is_lost_at_a_border(processor):
    frame = market(symbols=5, days=60, shuffle=False)
    found = processor.calculate_indicators_distributed(frame)
    warm = found.groupby("symbol")["sma_20"].apply(lambda s: s.isna().sum())
    assert (warm == 19).all(), "each symbol warms up once, and nowhere else"


def test_a_symbol_with_bad_bars_costs_its_own_rows(processor):
    frame = market(symbols=6)
    bad = frame[frame["symbol"] == "600003.SH"].head(1)
    frame = pd.concat([frame, bad], ignore_index=True)
    found = processor.calculate_indicators_distributed(frame)
    mine = found["symbol"] == "600003.SH"
    assert len(found) == len(frame)
    assert found.loc[mine, "error"].str.contains("several rows").all()
    assert found.loc[mine, list(COLUMNS)].isna().all().all()
    assert found.loc[~mine, "error"].isna().all()
    expected = GPUDataProcessor("cpu").calculate_indicators_gpu(frame[~mine])
    pd.testing.assert_frame_equal(found.loc[~mine, list(COLUMNS)], expected[list(COLUMNS)])


def test_when_every_symbol_fails_there_is_an_error_and_no_result(processor):
    with pytest.raises(UserError, match=r"every symbol failed, .*no column 'high'"):
        processor.calculate_indicators_distributed(market()[["symbol", "date", "close"]])


def returns(rows):
    rows["ret"] = rows["close"].pct_change()
    return rows


def test_a_function_that_keeps_rows_keeps_their_order(processor):
    frame = market(shuffle=False).sample(frac=1, random_state=1)
    expected = frame.assign(ret=frame.groupby("symbol", sort=False)["close"].pct_change())
    found = processor.process_large_dataset(frame, returns)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert "ret" not in frame


@pytest.mark.parametrize("partitions", [1, 2, 100])
def test_the_number_of_partitions_never_shows(processor, partitions):
    frame = market()
    one = processor.process_large_dataset(frame, lambda rows: rows.assign(n=len(rows)))
    many = processor.process_large_dataset(
        frame, lambda rows: rows.assign(n=len(rows)), n_partitions=partitions
    )
    pd.testing.assert_frame_equal(one, many, check_exact=True)


def test_results_of_other_lengths_are_stacked(processor):
    frame = market(symbols=3, shuffle=False)
    found = processor.process_large_dataset(frame, lambda rows: {"days": len(rows)})
    assert found.to_dict("list") == {
        "symbol": ["600000.SH", "600001.SH", "600002.SH"], "days": [90, 85, 80],
    }  # fmt: skip
    tails = processor.process_large_dataset(frame, lambda rows: rows.tail(2))
    assert tails["symbol"].tolist() == np.repeat(found["symbol"], 2).tolist()


def test_a_function_that_fails_for_one_symbol(processor):
    def picky(rows):
        if rows["symbol"].iloc[0] == "600001.SH":
            raise KeyError("no such thing")
        return {"days": len(rows)}

    found = processor.process_large_dataset(market(symbols=3, shuffle=False), picky)
    assert found["symbol"].tolist() == ["600000.SH", "600001.SH", "600002.SH"]
    assert found["error"].isna().tolist() == [True, False, True]
    with pytest.raises(UserError, match="every symbol failed"):
        processor.process_large_dataset(market(symbols=3), lambda rows: rows["absent"])


def test_one_symbol_needs_no_symbol_column(processor):
    frame = market(symbols=1).drop(columns="symbol")
    expected = GPUDataProcessor("cpu").calculate_indicators_gpu(frame)
    found = processor.calculate_indicators_distributed(frame)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_frames_of_many_symbols_become_one(processor):
    data = {s: g.drop(columns="symbol").set_index("date") for s, g in market().groupby("symbol")}
    found = processor.aggregate_multi_symbol_data(data)
    assert list(found.columns[:2]) == ["symbol", "date"]
    assert len(found) == sum(map(len, data.values()))
    assert found["symbol"].drop_duplicates().tolist() == list(data)
    means = processor.aggregate_multi_symbol_data(data, lambda frame: frame["close"].mean())
    assert means["result"].tolist() == [g["close"].mean() for g in data.values()]
    assert processor.aggregate_multi_symbol_data({}).columns.tolist() == ["symbol"]


def test_what_is_no_frame_is_named(processor):
    with pytest.raises(UserError, match="a list cannot be cut by symbol"):
        processor.calculate_indicators_distributed([1])
    with pytest.raises(UserError, match="n_partitions is 0"):
        processor.process_large_dataset(market(), returns, n_partitions=0)
    frame = market()
    frame.loc[frame.index[3], "symbol"] = None
    with pytest.raises(UserError, match="row 3 of the frame has no symbol"):
        processor.calculate_indicators_distributed(frame)


@pytest.mark.parametrize("count", [1, 2, 5, 50])
def test_parts_cover_every_row_once(count):
    frame = market()
    blocks = joined(by_symbol(frame), count)
    assert 1 <= len(blocks) <= min(count, 7)
    rows = np.concatenate([b.positions for b in blocks])
    assert sorted(rows) == list(range(len(frame)))
    assert all(set(b.of(frame)["symbol"]) == set(b.symbols) for b in blocks)


def test_rows_go_to_their_symbol_wherever_it_stands(processor):
    """Dates are not asked for here: they may be called as they like."""
    frame = market(symbols=3, days=30).rename(columns={"date": "when"})
    expected = processor.process_large_dataset(frame, lambda rows: rows.assign(n=len(rows)))
    assert expected.groupby("symbol")["n"].nunique().eq(1).all()
    for other in (
        frame.rename(columns={"symbol": "股票代码"}),
        frame.set_index("symbol"),
        frame.set_index(["when", "symbol"]),
        frame.assign(row=range(len(frame))).set_index(["symbol", "row"]),
    ):
        found = processor.process_large_dataset(other, lambda rows: rows.assign(n=len(rows)))
        assert found["n"].tolist() == expected["n"].tolist()
    with pytest.raises(UserError, match="its column 'stk' holds different texts"):
        processor.process_large_dataset(frame.rename(columns={"symbol": "stk"}), len)


def test_no_rows_get_columns_without_values(processor):
    found = processor.calculate_indicators_distributed(market().head(0))
    assert len(found) == 0
    assert list(found.columns[-len(COLUMNS) :]) == list(COLUMNS)
