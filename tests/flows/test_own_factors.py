"""A night with a factor file: what leaks is left out by name, and the path changes no number."""

from pathlib import Path

import nights
import pytest

pytestmark = pytest.mark.slow

PEEKING = """
import numpy as np


def honest(panel):
    return panel["close"] / panel["open"] - 1.0


def peeking(panel):
    ahead = np.full(panel.shape, np.nan)
    ahead[:-1] = panel["close"][1:] / panel["close"][:-1] - 1.0
    return ahead
"""


def test_a_factor_that_uses_the_future_is_left_out(prefect_api: str, tmp_path: Path) -> None:
    home = nights.new_home(tmp_path / "home")
    mine = tmp_path / "mine.py"
    mine.write_text(PEEKING)
    words = nights.nightly(f"advanced.features.file={mine}")
    ran = nights.run(words, nights.environment(home), timeout=900)
    assert ran.code == 0, ran.err
    summary = ran.summary
    assert summary["state"] == "WARN"
    assert "1 factor uses the future and is left out: peeking" in summary["sentence"]
    factors = summary["night"]["factors"]
    own = [row["name"] for row in factors["rows"] if row["set"] == "user"]
    assert own == ["honest"]
    assert factors["left_out"][0]["name"] == "peeking"
    assert summary["parts"]["dataset"]["notes"]["features"] == 33
    assert str(tmp_path) not in (home / "runs" / "latest" / "report.html").read_text()

    moved = tmp_path / "elsewhere"
    moved.mkdir()
    mine.rename(moved / "other.py")
    again = nights.run(
        nights.nightly(f"advanced.features.file={moved / 'other.py'}"), nights.environment(home)
    )
    assert again.code == 0, again.err
    assert again.outputs == ran.outputs
    assert again.summary["counts"]["cached"] == again.summary["counts"]["blocks"] - 1


def test_ranks_across_symbols_are_the_same_on_any_cluster(prefect_api: str, tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("RANKED = CSRank(Mean($volume, 10))\nGAP = $open / Ref($close, 1) - 1\n")
    words = nights.nightly(f"advanced.features.file={mine}", 'advanced.features.sets=["alpha158"]')
    outputs = []
    for cluster in ("threads:2", "processes:2"):
        home = nights.new_home(tmp_path / cluster.replace(":", ""))
        ran = nights.run(words, nights.environment(home, cluster), timeout=900)
        assert ran.code == 0, ran.err
        outputs.append(ran.outputs)
        assert ran.summary["parts"]["dataset"]["notes"]["features"] == 160
    assert outputs[0] == outputs[1]
    assert any(name.startswith("features_across") for name in outputs[0])
