"""The ancestor's distributed snippets, in threads, processes and on a running cluster.

The snippets stand as their users wrote them, but for the imports; `config` alone is smaller.
"""

import os
import signal
import time

import numpy as np
import pandas as pd
import pytest

from tasks.cluster import (
    ClusterConfig,
    DaskDistributedManager,
    DistributedMode,
    DistributedStockAnalyzer,
)
from tasks.cluster.analyzer import combinations
from tasks.errors import EnvironmentFaultError, UserError

SYMBOLS = ["600519.SH", "000001.SZ", "300750.SZ", "688981.SH", "600036.SH"]


def bars(seed):
    rng = np.random.default_rng(seed)
    close = 10 * np.exp(np.cumsum(0.01 * rng.standard_normal(50)))
    return pd.DataFrame({"close": close, "volume": 1000.0 + seed})


DATA = {symbol: bars(i) for i, symbol in enumerate(SYMBOLS)}


def custom_analysis(symbol, data):
    data["ma"] = data["close"].rolling(5).mean()  # writes, as users do
    return {"mean": data["close"].mean(), "last_ma": data["ma"].iloc[-1], "of": symbol}


def backtest_func(strategy, data):
    assert "signal" not in data
    data["signal"] = data["close"] > data["close"].shift(strategy["param1"])
    return {"days": int(data["signal"].sum())}


def optimize_func(params):
    if params["window"] == 10 and params["threshold"] == 0.02:
        raise ZeroDivisionError("no trades")
    return params["window"] * params["threshold"]


@pytest.fixture(scope="module")
def processes():
    config = ClusterConfig(mode=DistributedMode.LOCAL, n_workers=2)
    with DaskDistributedManager(config) as manager:
        yield manager


@pytest.fixture
def threads():
    with DaskDistributedManager(
        ClusterConfig(mode=DistributedMode.THREADS, n_workers=2)
    ) as manager:
        yield manager


def snippets(manager):
    """The ancestor's three calls; a tuple of frames."""
    all_symbols, data_dict = SYMBOLS, DATA
    analyzer = DistributedStockAnalyzer(manager)
    analysed = analyzer.analyze_stocks_parallel(
        symbols=all_symbols, data_dict=data_dict, analysis_func=custom_analysis
    )
    data = DATA["600519.SH"]
    strategies = [{"param1": i} for i in range(20)]
    tested = analyzer.backtest_parallel(strategies, data, backtest_func)
    param_grid = {"window": [5, 10, 20, 50], "threshold": [0.01, 0.02, 0.03, 0.05]}
    searched = analyzer.optimize_parameters_parallel(param_grid, optimize_func)
    return analysed, tested, searched


def check(analysed, tested, searched):
    assert list(analysed.columns) == ["symbol", "mean", "last_ma", "of", "error"]
    assert list(analysed["symbol"]) == list(analysed["of"]) == SYMBOLS
    assert analysed["error"].isna().all()
    np.testing.assert_array_equal(analysed["mean"], [DATA[s]["close"].mean() for s in SYMBOLS])
    close = DATA["600519.SH"]["close"]
    assert list(tested["param1"]) == list(range(20))
    assert list(tested["days"]) == [int((close > close.shift(i)).sum()) for i in range(20)]
    assert list(searched.columns) == ["window", "threshold", "result", "error"]
    assert len(searched) == 16
    failed = searched[searched["error"].notna()]
    assert failed[["window", "threshold", "error"]].values.tolist() == [
        [10, 0.02, "ZeroDivisionError: no trades"]
    ]
    good = searched[searched["error"].isna()]
    np.testing.assert_array_equal(good["result"], good["window"] * good["threshold"])
    assert all(list(frame.columns) == ["close", "volume"] for frame in DATA.values())


def test_the_ancestors_snippets_in_threads(threads):
    check(*snippets(threads))


def test_the_ancestors_snippets_in_processes(processes):
    check(*snippets(processes))


def test_the_ancestors_snippets_on_a_running_cluster(processes):
    config = ClusterConfig(
        mode=DistributedMode.CLUSTER, address=processes.cluster.scheduler_address
    )
    with DaskDistributedManager(config) as manager:
        assert manager.threads == 2
        check(*snippets(manager))
        with pytest.raises(UserError, match="runs elsewhere"):
            manager.scale(3)
    assert processes.threads == 2, "leaving a cluster does not stop it"


def budget():
    import numba

    return (
        os.environ["OMP_NUM_THREADS"],
        os.environ["OPENBLAS_NUM_THREADS"],
        numba.config.NUMBA_NUM_THREADS,
    )


def test_workers_have_one_thread_for_each_library(processes):
    assert set(processes.client.run(budget).values()) == {("1", "1", 1)}


def test_everything_listens_on_loopback(processes):
    import psutil

    me = psutil.Process()
    found = {
        c.laddr.ip
        for p in [me, *me.children(recursive=True)]
        for c in p.net_connections(kind="tcp")
        if c.status == psutil.CONN_LISTEN
    }
    assert found == {"127.0.0.1"}
    assert processes.get_dashboard_link().startswith("http://127.0.0.1:")


def kills_on(symbol, data):
    if symbol == "300750.SZ":
        os.kill(os.getpid(), signal.SIGKILL)
    return float(data["close"].sum())


@pytest.mark.slow
def test_a_symbol_that_kills_its_workers_costs_its_own_row():
    with DaskDistributedManager(ClusterConfig(n_workers=2)) as manager:
        found = DistributedStockAnalyzer(manager).analyze_stocks_parallel(SYMBOLS, DATA, kills_on)
    bad = found["symbol"] == "300750.SZ"
    assert found.loc[bad, "error"].str.startswith("its worker died").all()
    assert found.loc[~bad, "error"].isna().all()
    assert list(found.loc[~bad, "result"]) == [
        DATA[s]["close"].sum() for s in SYMBOLS if s != "300750.SZ"
    ]


@pytest.mark.slow
def test_the_number_of_workers_changes_while_it_runs():
    with DaskDistributedManager(ClusterConfig(n_workers=1)) as manager:
        manager.scale(2)
        assert manager.threads == 2
        check(*snippets(manager))


def test_results_do_not_depend_on_workers_or_on_who_finishes_first(threads):
    def late_first(symbol, data):
        time.sleep(0.1 if symbol == SYMBOLS[0] else 0)
        return data["close"].sum()

    with DaskDistributedManager(ClusterConfig(DistributedMode.THREADS, n_workers=1)) as one:
        expected = DistributedStockAnalyzer(one).analyze_stocks_parallel(SYMBOLS, DATA, late_first)
    found = DistributedStockAnalyzer(threads).analyze_stocks_parallel(SYMBOLS, DATA, late_first)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_large_data_travels_without_a_warning(threads):
    data = {s: pd.DataFrame({"close": np.arange(400_000.0) + i}) for i, s in enumerate(SYMBOLS)}
    data |= {f"{i:06d}.SH": data[SYMBOLS[0]] for i in range(20)}
    found = DistributedStockAnalyzer(threads).analyze_stocks_parallel(
        list(data), data, lambda data: data["close"].iloc[-1]
    )
    assert found["result"].tolist() == [frame["close"].iloc[-1] for frame in data.values()]


def test_a_symbol_without_data_is_a_row(threads):
    found = DistributedStockAnalyzer(threads).analyze_stocks_parallel(
        ["600519.SH", "999999.SH"], DATA, lambda data: len(data)
    )
    assert next(iter(found["result"])) == 50
    assert found["error"].tolist() == [None, "data_dict has no data for 999999.SH"]


def test_when_all_fail_all_rows_are_there(threads):
    found = DistributedStockAnalyzer(threads).optimize_parameters_parallel(
        {"a": [1, 2]}, lambda params: params["b"]
    )
    assert found["a"].tolist() == [1, 2]
    assert found["error"].tolist() == ["KeyError: 'b'"] * 2


def test_results_that_are_frames_stay_frames(threads):
    found = DistributedStockAnalyzer(threads).analyze_stocks_parallel(
        SYMBOLS[:2], DATA, lambda symbol, data: data.tail(1)
    )
    pd.testing.assert_frame_equal(found["result"][0], DATA[SYMBOLS[0]].tail(1))


def test_a_result_never_hides_a_parameter(threads):
    found = DistributedStockAnalyzer(threads).optimize_parameters_parallel(
        {"window": [5]}, lambda window: {"window": 7, "error": "mine"}
    )
    assert found.to_dict("records") == [
        {"window": 5, "result_window": 7, "result_error": "mine", "error": None}
    ]


def test_nothing_asked_is_an_empty_table(threads):
    found = DistributedStockAnalyzer(threads).analyze_stocks_parallel([], {}, custom_analysis)
    assert list(found.columns) == ["error"]
    assert len(found) == 0


def test_a_function_that_cannot_travel_is_named(threads):
    import threading

    lock = threading.Lock()

    def holds_a_lock(params):
        return lock

    with pytest.raises(UserError, match="cannot be sent to workers"):
        DistributedStockAnalyzer(threads).optimize_parameters_parallel({"a": [1]}, holds_a_lock)


def test_combinations():
    assert combinations({"a": [1, 2], "b": ["xy"]}) == [
        {"a": 1, "b": "xy"},
        {"a": 2, "b": "xy"},
    ]
    assert combinations([{"a": 1}]) == [{"a": 1}]
    with pytest.raises(UserError, match=r"param_grid\['a'\] is 5"):
        combinations({"a": 5})
    with pytest.raises(UserError, match=r"param_grid\['b'\] is empty: give at least one"):
        combinations({"a": [1], "b": []})
    with pytest.raises(UserError, match="parameter set 1 is a int"):
        combinations([3])


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"n_workers": 0}, "n_workers is 0"),
        ({"threads_per_worker": -1}, "threads_per_worker is -1"),
        ({"mode": DistributedMode.CLUSTER}, "needs address"),
        ({"address": "tcp://a:1"}, "takes no address"),
    ],
)
def test_a_wrong_config_is_named(wrong, text):
    with pytest.raises(UserError, match=text):
        ClusterConfig(**wrong)


def test_a_scheduler_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr("tasks.cluster.manager.CONNECT_TIMEOUT", 1)
    with pytest.raises(EnvironmentFaultError, match=r"tcp://127\.0\.0\.1:9 was not reached"):
        DaskDistributedManager(ClusterConfig(DistributedMode.CLUSTER, address="tcp://127.0.0.1:9"))


def test_shutdown_twice_is_fine():
    manager = DaskDistributedManager(ClusterConfig(DistributedMode.THREADS, n_workers=1))
    manager.shutdown()
    manager.shutdown()


def test_a_search_is_counted_where_a_ledger_is_named(threads, tmp_path):
    from tasks.data.store import Store
    from tasks.data.trialsets import read_ledger

    def score(fast, slow):
        if fast > slow:
            raise ValueError("fast above slow")
        return {"sharpe": 0.01 * fast, "days": 200}

    analyzer = DistributedStockAnalyzer(threads)
    grid = {"fast": [1, 5], "slow": [3, 8]}
    for _ in range(2):
        analyzer.optimize_parameters_parallel(grid, score, ledger=str(tmp_path), data_family="mine")
    known = read_ledger(Store(str(tmp_path)), "mine")
    assert len(known) == 4, "a set that failed was tried too, and a search run twice counts once"
    assert sorted(known["sharpe"].dropna()) == [0.01, 0.01, 0.05]
