"""Device choice: always a device, always one sentence why."""

from __future__ import annotations

import ctypes

import pytest

from tasks.arrays import GPUBackend, GPUInfo, GPUUtils, choose_device, devices
from tasks.errors import UserError


class Driver:
    """Answers as the CUDA driver's C interface does on a machine with one GPU."""

    def __init__(self, count: int = 1, status: int = 0) -> None:
        self.count, self.status = count, status

    def cuInit(self, flags):
        return self.status

    def cuDeviceGetCount(self, count):
        count._obj.value = self.count

    def cuDeviceGetName(self, name, size, index):
        name.value = b"NVIDIA H200"

    def cuDeviceTotalMem_v2(self, memory, index):
        memory._obj.value = 150_754_820_096

    def cuDeviceGetAttribute(self, value, attribute, index):
        value._obj.value = {75: 9, 76: 0}[attribute]

    def cuDriverGetVersion(self, version):
        version._obj.value = 13010


def test_what_the_driver_says_is_read():
    found, reason = devices._ask_driver(Driver())
    assert found == [GPUInfo(0, "NVIDIA H200", 150_754_820_096, (9, 0), "13.1")]
    assert reason == ""
    assert ctypes.sizeof(ctypes.c_size_t) == 8


@pytest.mark.parametrize(
    ("driver", "words"), [(Driver(count=0), "sees no device"), (Driver(status=100), "error 100")]
)
def test_a_driver_without_devices_says_why(driver, words):
    found, reason = devices._ask_driver(driver)
    assert found == []
    assert words in reason


def test_the_cpu_is_always_there():
    assert GPUUtils.check_backend_available(GPUBackend.CPU)
    assert choose_device("cpu").kind == "cpu"


@pytest.mark.parametrize("wish", ["auto", "gpu"])
@pytest.mark.parametrize("backend", [b for b in GPUBackend if b is not GPUBackend.CPU])
def test_without_a_gpu_the_cpu_takes_over_and_says_why(wish, backend, monkeypatch):
    monkeypatch.setattr(devices, "_driver_library", lambda: None)
    device = choose_device(wish, backend)
    assert device.kind == "cpu"
    assert device.reason == "Computed on the CPU instead of a GPU: no CUDA driver is installed."
    assert not GPUUtils.check_backend_available(backend)
    assert GPUUtils.get_gpu_info() == []


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setattr(devices, "_driver_library", Driver)
    monkeypatch.setattr(devices.importlib.util, "find_spec", lambda name: None)
    device = choose_device("gpu", "rapids")
    assert device.kind == "cpu"
    assert "cudf and cupy and numba_cuda not installed" in device.reason


def test_a_working_gpu_is_chosen(monkeypatch):
    monkeypatch.setattr(devices, "_driver_library", Driver)
    monkeypatch.setattr(devices.importlib.util, "find_spec", lambda name: object())
    assert choose_device("auto") == devices.Device("gpu", "Computed on NVIDIA H200.")


def test_wrong_names_are_explained():
    with pytest.raises(UserError, match="device 'tpu' is unknown"):
        choose_device("tpu")
    with pytest.raises(UserError, match="backend 'opencl' is unknown: choose one of rapids"):
        choose_device("auto", "opencl")
    with pytest.raises(UserError, match="backend 'opencl' is unknown: choose one of rapids"):
        GPUUtils.check_backend_available("opencl")
    assert GPUUtils.check_backend_available("CPU")
