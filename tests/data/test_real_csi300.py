"""Sixteen years of real CSI 300 bars through source, gate and universe: the known figures."""

import time

import numpy as np
import pytest

from tasks.data import universe
from tasks.data.config import DataConfig
from tasks.data.gate import gate
from tasks.data.sources import registry


@pytest.fixture(scope="module")
def config(real_data):
    path = real_data / "cn_csi300_daily_unadj_2005_2021.parquet"
    return DataConfig(source="parquet", path=str(path))


@pytest.fixture(scope="module")
def bars(config):
    return registry.read(config, "2021-09-30")


@pytest.fixture(scope="module")
def gated(bars):
    return gate(bars)


def test_what_the_source_delivers(config, bars):
    assert registry.newest_session(config) == "2021-09-30"
    assert len(bars.frame) == 861_340
    assert bars.frame["symbol"].nunique() == 303
    assert bars.benchmarks == ("000001.SH", "000300.SH", "399106.SZ")
    assert bars.adjustment == "unadjusted"


def test_what_the_gate_sets_aside(gated):
    assert gated.frame["suspended"].sum() == 31_852 + 5
    assert any("31,857 rows are suspended days, 5 of them" in note for note in gated.notes)
    assert list(gated.quarantine["rule"]) == ["outside_range"] * 5
    assert set(gated.quarantine["symbol"]) == {"399106.SZ"}
    assert {c.name: c.bad for c in gated.checks if c.bad} == {"outside_range": 5}
    assert {c.state for c in gated.checks} == {"PASS"}


def test_the_panel_and_its_unbelievable_moves(gated):
    panel = gated.panel()
    assert panel.shape == (4071, 303)
    moves = universe.large_moves(panel.stocks())
    assert len(moves) == 831
    assert len(universe.large_moves(panel)) == 831
    size = np.abs(moves["move"])
    assert (size > 0.205).sum() == 623
    assert size.min() > 0.098, "no member was under special treatment, as far as the data say"


def test_gate_and_pivot_take_about_a_second(bars):
    started = time.process_time()
    gate(bars).panel()
    assert time.process_time() - started < 5.0
