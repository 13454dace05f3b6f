"""A Qlib directory is read as Qlib reads it, and a broken one is named."""

import tarfile

import numpy as np
import pandas as pd
import pytest

from tasks.data.config import DataConfig
from tasks.data.gate import gate
from tasks.data.sources import qlib, registry
from tasks.errors import UserError

DAY = "2024-01-10"
DAYS = ["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08"]
NAN = float("nan")


def dump(folder, start, values):
    folder.parent.mkdir(parents=True, exist_ok=True)
    np.array([start, *values], dtype="<f4").tofile(folder)


@pytest.fixture
def directory(tmp_path):
    root = tmp_path / "qlib"
    (root / "calendars").mkdir(parents=True)
    (root / "calendars" / "day.txt").write_text("\n".join(DAYS) + "\n")
    for name in ("open", "high", "low", "close"):
        dump(root / "features" / "sh600519" / f"{name}.day.bin", 1, [10.0, NAN, 12.0])
        dump(root / "features" / "SZ000001" / f"{name}.day.bin", 0, [1.0] * 5)
    dump(root / "features" / "sh600519" / "volume.day.bin", 1, [100.0, NAN, 300.0])
    dump(root / "features" / "SZ000001" / "volume.day.bin", 0, [50.0] * 5)
    dump(root / "features" / "sh600519" / "factor.day.bin", 1, [0.5, 0.5, 0.5])
    return root


def config(root, **more):
    return DataConfig(source="qlib", path=str(root), **more)


def test_prices_stay_adjusted_and_gaps_are_suspensions(directory):
    gated = gate(registry.read(config(directory), DAY))
    panel = gated.panel()
    assert (panel.adjustment, panel.source) == ("adjusted", "qlib")
    assert panel.symbols == ("000001.SZ", "600519.SH")
    np.testing.assert_array_equal(panel["close"][:, 1], [NAN, 10.0, NAN, 12.0, NAN])
    np.testing.assert_array_equal(panel["suspended"][:, 1], [NAN, 0, 1, 0, 1])
    np.testing.assert_array_equal(panel["volume"][:, 1], [0, 100, 0, 300, 0])
    np.testing.assert_array_equal(panel["factor"][:, 1], [NAN, 0.5, 0.5, 0.5, NAN])
    assert panel.adjusted() is panel
    assert not len(gated.quarantine)


def test_what_is_stored_comes_unchanged(directory):
    panel = qlib.stored(directory)
    assert panel.symbols == ("000001.SZ", "600519.SH")
    assert panel.adjustment == "adjusted"
    np.testing.assert_array_equal(panel["close"][:, 1], [NAN, 10.0, NAN, 12.0, NAN])
    np.testing.assert_array_equal(panel["volume"][:, 1], [NAN, 100, NAN, 300, NAN])
    np.testing.assert_array_equal(panel["factor"][:, 0], [NAN] * 5)
    assert all(grid.flags.c_contiguous for grid in panel.fields.values())


def test_newest_session_and_content(directory):
    assert registry.newest_session(config(directory)) == "2024-01-08"
    assert registry.newest_session(config(directory, end="2024-01-07")) == "2024-01-05"
    before = registry.content_id(config(directory), DAY)
    dump(directory / "features" / "sh600519" / "close.day.bin", 1, [10.0, NAN, 12.5])
    assert registry.content_id(config(directory), DAY) != before


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [(lambda r: (r / "features/sh600519/close.day.bin").unlink(), r"no close\.day\.bin"),
     (lambda r: (r / "features/sh600519/close.day.bin").write_bytes(b"12345"), "cut off"),
     (lambda r: dump(r / "features/sh600519/close.day.bin", 4, [1, 2]), "starts at 4 with 2"),
     (lambda r: dump(r / "features/sh600519/close.day.bin", NAN, [1]), "starts at nan"),
     (lambda r: (r / "calendars/day.txt").unlink(), r"no Qlib directory.*calendars/day\.txt"),
     (lambda r: (r / "calendars/day.txt").write_text("tomorrow"), "no date"),
     (lambda r: (r / "calendars/day.txt").write_text(""), "empty or not ascending"),
     (lambda r: (r / "features" / "x y").mkdir(), "unknown spelling")],
)  # fmt: skip
def test_a_broken_directory_is_one_sentence(directory, harm, sentence):
    harm(directory)
    with pytest.raises(UserError, match=sentence):
        registry.read(config(directory), DAY)


def test_a_directory_written_by_qlib_itself(real_data, tmp_path):
    with tarfile.open(real_data / "qlib_dir_mini_from_mit.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    panel = qlib.load(tmp_path / "qdir")
    assert panel.shape[1] == 11
    assert str(panel.dates[-1]) == "2021-09-30"
    raw = pd.read_parquet(real_data / "cn_csi300_daily_unadj_2005_2021.parquet")
    raw = raw[(raw["symbol"] == "sh.600519") & (raw["volume"] > 0)].set_index("date")
    close = panel["close"][:, panel.column("600519.SH")]
    traded = ~np.isnan(close)
    expected = raw["close"].reindex(pd.DatetimeIndex(panel.dates[traded]))
    assert traded.sum() > 1800
    np.testing.assert_array_equal(close[traded], expected.to_numpy().astype(np.float32))
