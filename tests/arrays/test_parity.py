"""Every kernel that a GPU can run is proved there: found by itself, compared to the last bit."""

from __future__ import annotations

import importlib
import json
import pkgutil

import numpy as np
import pytest

from tasks import settings
from tasks.arrays import parity
from tasks.arrays.benches import CPU, Each
from tasks.arrays.compiling import end_lane, first_lane, kernel
from tasks.indicators import gpu

GROUPS = {"tasks.indicators": (gpu.TECHNICAL, gpu.EXPRESSIONS)}

PROGRAM = """
import json
from tasks.arrays import serving
from {module} import {group}
print(json.dumps([[f.kernel, f.ulps, f.cases] for f in serving.findings({group})]))
"""


@pytest.mark.parametrize("package", GROUPS)
def test_every_kernel_has_a_case(package):
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        importlib.import_module(module.name)
    called = {parity.name_of(k) for group in GROUPS[package] for k in group.cases()}
    folder = settings.CHECKOUT / package.replace(".", "/")
    sources = "".join(path.read_text() for path in folder.rglob("*.py"))
    named = {parity.name_of(k) for k in parity.lane_kernels(package)}
    there = {name for name in named if f"{name}," in sources}  # some formula calls it
    assert there
    assert there - called == set(), "no case calls these kernels: a GPU would never run them"


@pytest.mark.parametrize("group", ["TECHNICAL", "EXPRESSIONS"])
def test_in_the_simulator_every_kernel_gives_the_same_bits(group, simulate):
    found = json.loads(simulate(PROGRAM.format(module="tasks.indicators.gpu", group=group)))
    assert len(found) >= 12
    assert [name for name, ulps, _ in found if ulps != 0.0] == []
    assert all(cases >= 1 for *_, cases in found)


@pytest.mark.parametrize(
    ("wanted", "found", "apart"),
    [
        ([1.0, np.nan, np.inf], [1.0, np.nan, np.inf], 0.0),
        ([1.0, 0.0], [np.nextafter(1.0, 2.0), -0.0], 1.0),
        ([1.0, 8.0], [1.0 + 2.0**-52, 8.0], 1 / 8),  # in units of the lane's largest number
        ([1.0], [np.nan], np.inf),
        ([np.inf], [-np.inf], np.inf),
        ([2.0**52], [2.0**52 + 3], 3.0),
        ([], [], 0.0),
    ],
)
def test_distances_count_neighbouring_numbers(wanted, found, apart):
    lane = np.array(wanted)[:, None], np.array(found)[:, None]
    assert parity.distance(*lane) == apart


def test_each_lane_has_its_own_unit():
    wanted = np.array([[1.0, 1e9], [1.0, 1e9]])
    found = wanted + np.array([[0.0, 0.0], [2.0**-52 * 5, 0.0]])
    assert parity.distance(wanted, found) == 5.0


def test_whole_numbers_and_flags_are_equal_or_not():
    assert parity.distance(np.array([1, 2]), np.array([1, 2])) == 0.0
    assert parity.distance(np.array([True]), np.array([False])) == np.inf


@kernel
def tripled(x, n, out, s):
    low, high = first_lane(x.shape[1]), end_lane(x.shape[1])
    for t in range(x.shape[0]):
        for j in range(low, high):
            s[0, j] = t
            out[t, j] = 3.0 * x[t, j] * n


class Wrong(type(CPU)):
    """A device that is a little off."""

    def call(self, kernel, lanes, *arguments):
        super().call(kernel, lanes, *arguments)
        arguments[2][:] *= 1.0 + 2.0**-44


def test_a_recorder_keeps_different_calls_and_a_device_repeats_them():
    recorder, x = parity.Recorder(), np.arange(1.0, 7.0).reshape(3, 2)
    for n in (1, 1, 2, 3, 4):
        recorder.call(tripled, 2, x, n, np.empty((3, 2)), np.empty((1, 2)))
    ((called, cases),) = recorder.cases.items()
    assert called is tripled
    assert [case.before[1] for case in cases] == [1, 2, 3]
    assert [list(case.after) for case in cases] == [[0, 2]] * 3  # scratch is nobody's business
    right, wrong = parity.examine(cases, CPU), parity.examine(cases, Wrong())
    assert (right.ulps, right.cases, right.serves) == (0.0, 3, True)
    assert wrong.kernel == "test_parity.tripled"
    assert 64 < wrong.ulps < 600
    assert not wrong.serves


def test_cases_may_have_many_items():
    recorder, out = parity.Recorder(), np.empty((2, 3, 2))
    x, s = np.ones((3, 2)), np.empty((2, 1, 2))
    recorder.call(tripled, 2, x, Each(np.array([2, 5])), Each(out), Each(s))
    ((case,),) = recorder.cases.values()
    assert out[:, 0, 0].tolist() == [6.0, 15.0]
    assert parity.compare(case, CPU) == 0.0


def test_inputs_are_harsh():
    bars = parity.inputs()
    close = bars["close"]
    assert np.isnan(close[:, 1]).any()
    assert np.isnan(close[0, 2])
    assert np.ptp(close[:, 3]) == 0.0
    assert close[:, 4].max() / close[:, 4].min() > 1e10
    assert (bars["high"] >= bars["low"])[np.isfinite(close)].all()
    assert all(np.array_equal(bars[n], parity.inputs()[n], equal_nan=True) for n in bars)
