"""Memory of results is used again when nobody holds it, and never before."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from tasks.arrays.recycling import LEAST, LINE, PAGE, Shelf, kept_bytes
from tasks.errors import UserError

SHAPE = (1000, LEAST // 8000 + 1)


def address(array):
    return array.__array_interface__["data"][0]


def test_the_next_array_of_its_size_gets_the_memory_of_one_that_is_gone():
    shelf = Shelf(1 << 30)
    first = shelf.empty(SHAPE, np.float64)
    first[:] = 1.0
    place = address(first)
    del first
    assert shelf.kept > 0
    again = shelf.empty(SHAPE[::-1], np.float64)
    assert address(again) == place
    assert shelf.kept == 0
    again[:] = 2.0
    assert (again == 2.0).all()


@pytest.mark.parametrize(
    "part", [lambda a: a[5:, 3], lambda a: a.T, lambda a: a.view(np.int64), memoryview, np.asarray]
)
def test_whatever_still_sees_the_memory_keeps_it(part):
    shelf = Shelf(1 << 30)
    whole = shelf.empty(SHAPE, np.float64)
    whole[:] = 1.0
    seen = part(whole)
    del whole
    assert shelf.kept == 0
    other = shelf.empty(SHAPE, np.float64)
    other[:] = 2.0
    kept = np.asarray(seen)
    assert not np.shares_memory(kept, other)
    assert (kept == kept.flat[0]).all()
    del seen, kept
    assert shelf.kept > 0


def test_no_more_is_kept_than_allowed():
    shelf = Shelf(3 * PAGE)
    arrays = [shelf.empty((2 * PAGE,), np.uint8) for _ in range(3)]
    arrays.clear()
    assert shelf.kept == 2 * PAGE


@pytest.mark.parametrize("shape", [(3, 5), (0, 4), SHAPE])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_are_contiguous_writable_and_begin_a_line(shape, dtype):
    array = Shelf(0).empty(shape, dtype)
    assert array.shape == shape
    assert array.dtype == dtype
    assert array.flags.c_contiguous
    assert array.flags.writeable
    assert array.size == 0 or address(array) % LINE == 0


def test_threads_never_get_the_same_memory():
    shelf, wrong = Shelf(1 << 30), []

    def work(number):
        for _ in range(20):
            array = shelf.empty((LEAST,), np.uint8)
            array[::4096] = number
            if not (array[::4096] == number).all():
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_what_is_kept_is_set_in_megabytes(monkeypatch):
    monkeypatch.setenv("QILIN_KEPT_MB", "3")
    assert kept_bytes() == 3 << 20
    monkeypatch.setenv("QILIN_KEPT_MB", "3 GB")
    with pytest.raises(UserError, match="QILIN_KEPT_MB is '3 GB'"):
        kept_bytes()
