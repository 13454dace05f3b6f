import functools
import pickle
import threading
import time

import pytest

from tasks.cluster.fanout import (
    FanOutError,
    describe,
    fan_out,
    idle_threads,
    inside_dask,
    narrowing,
)
from tasks.errors import UserError


def square(x):
    return x * x


def slow_first(x):
    time.sleep(0.05 if x == 0 else 0)
    return x


def fails_on_odd(x):
    if x % 2:
        raise ValueError(f"{x} is\nodd")
    return x


def user_fault(x):
    raise UserError(f"symbol {x} is unknown")


class Counter:
    """How many blocks ran at once; shared by the threads of an in-process cluster."""

    def __init__(self):
        self.now = self.most = 0
        self.lock = threading.Lock()

    def run(self, x):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.01)
        with self.lock:
            self.now -= 1
        return x


COUNTERS = {}


def counted(item):
    name, x = item
    return COUNTERS[name].run(x)


def outer(function, items, label="backtest 004/020"):
    assert inside_dask()
    return fan_out(function, items, label=label)


def test_outside_dask_it_is_a_loop():
    assert not inside_dask()
    assert fan_out(square, range(5), label="x") == [0, 1, 4, 9, 16]
    assert fan_out(square, range(5), label="x", threads=3) == [0, 1, 4, 9, 16]
    assert fan_out(square, [], label="x") == []


def test_the_drivers_own_thread_is_outside_even_beside_a_cluster(threads):
    assert not inside_dask()
    assert fan_out(square, range(3), label="x") == [0, 1, 4]


def test_inside_a_task_it_never_waits_for_itself(threads):
    assert threads.submit(outer, square, range(20)).result(timeout=20) == [x * x for x in range(20)]


RELEASE = threading.Event()


def held_up():
    return RELEASE.wait(20)


def test_idle_threads_are_those_of_the_worker_without_work(threads):
    assert idle_threads() == 1
    count = threads.thread_count
    assert threads.submit(idle_threads, pure=False).result(timeout=20) == count
    RELEASE.clear()
    busy = [threads.submit(held_up, pure=False) for _ in range(count - 1)]
    try:
        time.sleep(0.2)
        assert threads.submit(idle_threads, pure=False).result(timeout=20) == 1
    finally:
        RELEASE.set()
        threads.gather(busy)


def test_more_fanning_tasks_than_threads_all_end(threads):
    outers = [threads.submit(outer, square, range(n), pure=False) for n in range(1, 7)]
    results = threads.gather(outers)
    assert results == [[x * x for x in range(n)] for n in range(1, 7)]


def nested(n):
    return sum(fan_out(square, range(n), label="inner"))


def test_a_block_may_fan_out_itself(threads):
    assert threads.submit(outer, nested, [1, 2, 3, 4]).result(timeout=20) == [0, 1, 5, 14]


def twice(n):
    return fan_out(square, range(n), label="a"), fan_out(square, range(n), label="b")


def test_a_task_may_fan_out_twice(threads):
    assert threads.submit(twice, 4).result(timeout=20) == ([0, 1, 4, 9], [0, 1, 4, 9])


def test_results_are_in_the_order_of_the_items(threads):
    assert threads.submit(outer, slow_first, range(6)).result(timeout=20) == list(range(6))


def test_at_most_one_block_per_thread_is_in_flight(threads):
    name = f"c{threads.thread_count}"
    COUNTERS[name] = Counter()
    items = [(name, i) for i in range(12)]
    assert threads.submit(outer, counted, items).result(timeout=20) == list(range(12))
    assert COUNTERS[name].most == threads.thread_count


def assert_names_the_failed(error):
    assert str(error) == (
        "backtest 004/020: 3 of 6 blocks failed: block 2/6 [1]: ValueError: 1 is odd; "
        "block 4/6 [3]: ValueError: 3 is odd; block 6/6 [5]: ValueError: 5 is odd"
    )
    assert error.failures[0] == ("block 2/6 [1]", "ValueError: 1 is odd")


def test_every_failure_is_named_in_one_sentence(threads):
    with pytest.raises(FanOutError) as error:
        threads.submit(outer, fails_on_odd, range(6)).result(timeout=20)
    assert_names_the_failed(error.value)


def test_the_same_outside_dask():
    with pytest.raises(FanOutError) as error:
        fan_out(fails_on_odd, range(6), label="backtest 004/020")
    assert_names_the_failed(error.value)
    assert_names_the_failed(pickle.loads(pickle.dumps(error.value)))


def test_many_failures_are_counted():
    with pytest.raises(FanOutError, match=r"40 of 40 blocks failed: .*; and 35 more"):
        fan_out(user_fault, range(40), label="x")


def test_a_users_fault_keeps_its_words_and_exit_code():
    with pytest.raises(FanOutError, match="symbol 600519 is unknown") as error:
        fan_out(user_fault, ["600519"], label="x")
    assert error.value.exit_code == UserError.exit_code


def test_a_task_that_failed_leaves_the_cluster_usable(threads):
    with pytest.raises(FanOutError):
        threads.submit(outer, fails_on_odd, range(6)).result(timeout=20)
    assert threads.submit(outer, square, range(6)).result(timeout=20) == [0, 1, 4, 9, 16, 25]


def test_describe_is_one_line():
    assert describe(ValueError()) == "ValueError"
    assert describe(KeyError("a\n b")) == r"KeyError: 'a\n b'"


@pytest.mark.parametrize(("fits", "tried"), [(8, [8]), (3, [8, 4, 2]), (1, [8, 4, 2, 1])])
def test_blocks_that_do_not_fit_are_halved(fits, tried):
    widths = []

    def work(width):
        widths.append(width)
        return fan_out(functools.partial(_fits, fits=fits), [width], label="work")

    assert narrowing(work, 8) == [tried[-1]]
    assert widths == tried


def test_what_does_not_fit_into_small_blocks_either_is_told():
    with pytest.raises(FanOutError, match=r"memory does not suffice.*smaller blocks"):
        narrowing(lambda width: fan_out(_hungry, [width], label="work"), 64)


def test_other_failures_are_not_tried_with_smaller_blocks():
    widths = []

    def work(width):
        widths.append(width)
        return fan_out(_divides, [0], label="work")

    with pytest.raises(FanOutError):
        narrowing(work, 8)
    assert widths == [8]


def test_work_that_died_before_begins_with_smaller_blocks():
    assert [narrowing(int, 8, begun=n) for n in range(6)] == [8, 4, 2, 1, 1, 1]


def _fits(width, *, fits):
    return width if width <= fits else _hungry(width)


def _hungry(width):
    raise MemoryError(f"{width} blocks")


def _divides(by):
    return 1 // by


def test_what_the_blocks_took_is_counted_without_the_callers_waiting():
    from tasks.cluster.fanout import spending

    with spending() as spent:
        fan_out(time.sleep, [0.05, 0.05], label="naps", threads=2)
    fan_out(time.sleep, [0.05], label="a nap that nobody counts")
    assert spent.blocks == 2
    assert 0.1 <= spent.seconds < 1.0
