"""Which device computes: what the machine has, and one sentence that says why.

The CUDA driver is asked directly (no package needed), so a machine without a GPU loads nothing.
"""

from __future__ import annotations

import ctypes
import dataclasses
import enum
import importlib.util
from typing import Any, Literal, get_args

from tasks.errors import UserError

DeviceWish = Literal["auto", "cpu", "gpu"]

#: packages that each backend needs beside a CUDA device, with what to install
_PACKAGES = {
    "rapids": ("cudf", "cupy", "numba_cuda"),
    "cupy": ("cupy", "numba_cuda"),
    "pytorch": ("torch", "cupy", "numba_cuda"),
    "cpu": (),
}
_COMPUTE_MAJOR, _COMPUTE_MINOR = 75, 76  # CUdevice_attribute numbers of the driver API
_NAME_BYTES = 256


class GPUBackend(enum.Enum):
    """What a computation may run on; every backend gives the same columns and values."""

    RAPIDS = "rapids"
    CUPY = "cupy"
    PYTORCH = "pytorch"
    CPU = "cpu"


@dataclasses.dataclass(frozen=True)
class GPUInfo:
    """One CUDA device.

    Attributes:
        index: number under which CUDA counts it (`CUDA_VISIBLE_DEVICES` applies).
        name: as the driver says it.
        total_memory: bytes.
        compute_capability: major and minor number.
        driver_version: highest CUDA version of the driver, such as 13.0.
    """

    index: int
    name: str
    total_memory: int
    compute_capability: tuple[int, int]
    driver_version: str


@dataclasses.dataclass(frozen=True)
class Device:
    """The device that was chosen and one sentence why.

    Attributes:
        kind: what computes.
        reason: one sentence.
        fallback: whether a GPU that is there could not do the work.
    """

    kind: Literal["cpu", "gpu"]
    reason: str
    fallback: bool = False


ASKED_CPU = Device("cpu", "Computed on the CPU, as asked.")


class GPUUtils:
    """Questions about this machine's GPUs."""

    @staticmethod
    def get_gpu_info() -> list[GPUInfo]:
        """Every CUDA device of this machine; empty where there is none."""
        devices, _ = _ask_driver()
        return devices

    @staticmethod
    def check_backend_available(backend: GPUBackend | str) -> bool:
        """Whether a backend's packages and a device for it are there.

        Errors: `UserError` for a name that is no backend.
        """
        return why_unavailable(as_backend(backend)) is None


def why_unavailable(backend: GPUBackend) -> str | None:
    """Half a sentence on what a backend lacks here; None if it can be used."""
    if backend is GPUBackend.CPU:
        return None
    devices, reason = _ask_driver()
    if not devices:
        return reason
    missing = [p for p in _PACKAGES[backend.value] if importlib.util.find_spec(p) is None]
    if missing:
        return f"{' and '.join(missing)} not installed (pip install 'qilin[gpu]')"
    return None


def choose_device(wish: str = "auto", backend: GPUBackend | str = GPUBackend.CUPY) -> Device:
    """The device for a wish: `auto` and `gpu` take the GPU where the backend works, else the CPU.

    Never fails for want of a GPU: the reason says what is missing, and the CPU takes over.
    """
    if wish not in get_args(DeviceWish):
        raise UserError(f"device {wish!r} is unknown: choose auto, cpu or gpu")
    if wish == "cpu":
        return ASKED_CPU
    chosen = as_backend(backend)
    if chosen is GPUBackend.CPU:
        return Device("cpu", "Computed on the CPU, as the backend asks.")
    lack = why_unavailable(chosen)
    if lack is not None:
        return Device("cpu", f"Computed on the CPU instead of a GPU: {lack}.")
    return Device("gpu", f"Computed on {GPUUtils.get_gpu_info()[0].name}.")


def as_backend(backend: GPUBackend | str) -> GPUBackend:
    """A backend from its enum member or its name in any case."""
    if isinstance(backend, GPUBackend):
        return backend
    try:
        return GPUBackend(str(backend).lower())
    except ValueError:
        names = ", ".join(b.value for b in GPUBackend)
        raise UserError(f"backend {backend!r} is unknown: choose one of {names}") from None


def _ask_driver(library: Any | None = None) -> tuple[list[GPUInfo], str]:
    """Devices that the CUDA driver knows, or none and half a sentence why."""
    driver = library if library is not None else _driver_library()
    if driver is None:
        return [], "no CUDA driver is installed"
    status = driver.cuInit(0)
    if status != 0:
        return [], f"the CUDA driver does not start (error {status})"
    count = ctypes.c_int()
    driver.cuDeviceGetCount(ctypes.byref(count))
    if count.value == 0:
        return [], "the CUDA driver sees no device"
    return [_describe(driver, index) for index in range(count.value)], ""


def _driver_library() -> Any | None:
    for name in ("libcuda.so.1", "nvcuda.dll"):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


def _describe(driver: Any, index: int) -> GPUInfo:
    name = ctypes.create_string_buffer(_NAME_BYTES)
    memory = ctypes.c_size_t()
    major, minor, version = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    driver.cuDeviceGetName(name, _NAME_BYTES, index)
    driver.cuDeviceTotalMem_v2(ctypes.byref(memory), index)
    driver.cuDeviceGetAttribute(ctypes.byref(major), _COMPUTE_MAJOR, index)
    driver.cuDeviceGetAttribute(ctypes.byref(minor), _COMPUTE_MINOR, index)
    driver.cuDriverGetVersion(ctypes.byref(version))
    return GPUInfo(
        index=index,
        name=name.value.decode(),
        total_memory=memory.value,
        compute_capability=(major.value, minor.value),
        driver_version=f"{version.value // 1000}.{version.value % 1000 // 10}",
    )
