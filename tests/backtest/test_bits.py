"""Days as bits: the same as an array of flags, whatever the length."""

import numpy as np
import pytest

from tasks.backtest.kernels import bits

LENGTHS = (1, 7, 63, 64, 65, 127, 128, 129, 300)


@pytest.mark.parametrize("days", LENGTHS)
def test_flags_survive_packing(days):
    flags = np.random.default_rng(days).random((3, days)) < 0.4
    words = bits.packed(flags)
    assert words.shape == (3, bits.words(days))
    np.testing.assert_array_equal(bits.unpacked(words, days), flags)
    np.testing.assert_array_equal(bits.packed(np.asfortranarray(flags)), words)
    behind = bits.unpacked(words, bits.WORD * bits.words(days))[:, days:]
    assert not behind.any()


@pytest.mark.parametrize("days", LENGTHS)
def test_single_days_and_spans(days):
    rng = np.random.default_rng(days)
    for _ in range(20):
        flags = rng.random(days) < 0.5
        words = bits.packed(flags)
        assert [bits.is_set(words, t) for t in range(days)] == flags.tolist()
        start, stop = sorted(rng.integers(0, days + 1, 2).tolist())
        bits.clear(words, start, stop)
        flags[start:stop] = False
        np.testing.assert_array_equal(bits.unpacked(words, days), flags)
        for t in range(start, stop):
            bits.put(words, t, t % 3 == 0)
        flags[start:stop] = np.arange(start, stop) % 3 == 0
        np.testing.assert_array_equal(bits.unpacked(words, days), flags)


@pytest.mark.parametrize("days", LENGTHS)
def test_changes_become_what_holds_between_them(days):
    flags = np.random.default_rng(days).random(days) < 0.2
    words = bits.packed(flags)
    bits.toggled(words, days)
    np.testing.assert_array_equal(bits.unpacked(words, days), np.cumsum(flags) % 2 == 1)
    assert not bits.unpacked(words, bits.WORD * len(words))[days:].any()
