"""Work that is noted and done later gives what doing it at once gives, in fewer launches."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.arrays.benches import Each
from tasks.arrays.deferred import Deferred, Queue


def scaled(x, n, out, s):
    s[0] = x[0]
    out[:] = x * n


def halved(out):
    out[:] = out / 2


@dataclasses.dataclass(frozen=True)
class Kernel:
    """What a compiled kernel tells of itself."""

    py_func: Callable[..., None]


SCALED, HALVED = Kernel(scaled), Kernel(halved)


class Launches(list):
    """Runs a kernel's function item by item and notes how many items each launch had."""

    def __call__(self, kernel, lanes, items, arguments, each, stream=0):
        self.append(items)
        for item in range(items):
            kernel.py_func(*(a[item] if e else a for a, e in zip(arguments, each, strict=True)))


@pytest.fixture
def launches():
    return Launches()


@pytest.fixture
def queue(launches):
    return Queue(np, launches)


GRID = np.arange(12.0).reshape(4, 3)


def times(queue, x, n, scratch=1):
    out = Deferred(queue, x.shape)
    queue.call(SCALED, 3, (x, n, out, Deferred(queue, (scratch, 3))))
    return out


def entered(queue, array):
    return Deferred(queue, array.shape, array.copy())


def test_equal_kernels_on_one_level_are_one_launch(queue, launches):
    x = entered(queue, GRID)
    outs = [times(queue, x, n, scratch=n) for n in (2, 3, 5)]
    assert launches == []
    assert [np.array_equal(o.now(), GRID * n) for o, n in zip(outs, (2, 3, 5), strict=True)]
    assert launches == [3]


def test_other_inputs_are_laid_side_by_side(queue, launches):
    outs = [times(queue, entered(queue, GRID + k), 2) for k in range(4)]
    queue.finish()
    assert launches == [4]
    for k, out in enumerate(outs):
        np.testing.assert_array_equal(out.now(), (GRID + k) * 2)


def test_what_depends_comes_later(queue, launches):
    x = entered(queue, GRID)
    once = times(queue, x, 2) + 1.0
    twice = times(queue, once, 3)
    beside = times(queue, x, 7)
    np.testing.assert_array_equal((twice - beside).now(), (GRID * 2 + 1) * 3 - GRID * 7)
    assert launches == [2, 1]


def test_an_array_that_is_changed_is_read_before_and_after(queue):
    x = entered(queue, GRID)
    out = times(queue, x, 4)
    before = out + 0.0
    read = times(queue, out, 1)
    queue.call(HALVED, 3, (out,))
    after = out + 0.0
    for array, factor in ((before, 4), (read, 4), (after, 2), (out, 2)):
        np.testing.assert_array_equal(array.now(), GRID * factor)


def test_results_into_an_old_array_keep_its_earlier_readers(queue):
    x = entered(queue, GRID)
    kept = times(queue, x, 2)
    before = times(queue, kept, 1)
    made = np.subtract(x, kept, out=kept)
    assert made is kept
    np.testing.assert_array_equal(before.now(), GRID * 2)
    np.testing.assert_array_equal(kept.now(), -GRID)


def test_conditions_go_into_numbers(queue):
    out = np.greater(entered(queue, GRID), 5.0, out=Deferred(queue, GRID.shape))
    assert out.now().dtype == np.float64
    np.testing.assert_array_equal(out.now(), (GRID > 5).astype(float))


def test_choosing_and_filling(queue):
    x, chosen = entered(queue, GRID), Deferred(queue, GRID.shape)
    chosen[:] = 1.0
    np.copyto(chosen, x, where=x > 4.0)
    np.testing.assert_array_equal(chosen.now(), np.where(GRID > 4, GRID, 1.0))
    np.testing.assert_array_equal(np.where(x > 4.0, x, -1.0).now(), np.where(GRID > 4, GRID, -1.0))
    assert np.ndim(chosen) == 2
    assert chosen.astype(np.float32).now().dtype == np.float32


def test_parts_are_views(queue):
    whole = entered(queue, np.arange(24.0).reshape(2, 4, 3))
    part = whole[1]
    part[:] = 0.0
    whole[0, 0, 0] = 9.0
    assert whole.now()[1].sum() == 0.0
    assert [p.shape for p in whole] == [(4, 3), (4, 3)]
    assert whole.now()[0, 0, 0] == 9.0


def test_calls_with_items_of_their_own_are_done_at_once(queue, launches):
    x, out = entered(queue, GRID), Deferred(queue, (2, 4, 3))
    scratch = Deferred(queue, (2, 1, 3))
    queue.call(SCALED, 3, (x, Each(np.array([2, 3])), Each(out), Each(scratch)))
    assert launches == [2]
    np.testing.assert_array_equal(out.now(), np.stack([GRID * 2, GRID * 3]))


def test_anything_else_of_numpy_is_done_at_once(queue):
    x = times(queue, entered(queue, GRID), 2)
    assert np.add.reduce(x, axis=None) == GRID.sum() * 2
    assert np.median(x) == np.median(GRID * 2)


STEPS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=25
)


@given(STEPS)
def test_any_mixture_of_work_gives_what_doing_it_at_once_gives(steps):
    queue = Queue(np, Launches())
    ours, plain = [entered(queue, GRID)], [GRID.copy()]
    for what, left, right in steps:
        i, j = left % len(ours), right % len(ours)
        if what == 0:
            ours.append(times(queue, ours[i], j + 1))
            plain.append(plain[i] * (j + 1))
        elif what == 1:
            ours.append(ours[i] - 0.5 * ours[j])
            plain.append(plain[i] - 0.5 * plain[j])
        elif what == 2:
            queue.call(HALVED, 3, (ours[i],))
            plain[i] /= 2
        elif what == 3:
            np.add(ours[i], ours[j], out=ours[i])
            np.add(plain[i], plain[j], out=plain[i])
        elif what == 4:
            np.copyto(ours[i], ours[j], where=ours[j] > 3.0)
            np.copyto(plain[i], plain[j], where=plain[j] > 3.0)
        else:
            ours[i][:] = ours[j]
            plain[i][:] = plain[j]
    for mine, wanted in zip(ours, plain, strict=True):
        np.testing.assert_array_equal(mine.now(), wanted)
