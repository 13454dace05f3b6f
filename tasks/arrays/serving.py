"""Compute on a GPU only what it has proved to compute as the CPU does, and on the CPU the rest.

A kernel serves after it repeated the CPU's calls of it (`parity`), once per process. If one fails,
its whole group's work goes to the CPU, as it does without memory, driver or compiler: never an
error, always one sentence with the reason, written to the log once and counted every time.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from tasks.arrays import benches, parity
from tasks.arrays.cudabench import CudaBench
from tasks.arrays.devices import Device, choose_device

if TYPE_CHECKING:
    from tasks.arrays.benches import Bench

R = TypeVar("R")

log = logging.getLogger("qilin.gpu")

#: fallbacks to the CPU in this process, by their sentence
fallbacks: Counter[str] = Counter()

#: what goes wrong on a GPU that a CPU has not, by the name of the error's class (the libraries are
#: loaded only where there is a GPU), and how it is said
_FAULTS = {
    "MemoryError": "its memory is too small for this work",
    "CudaSupportError": "the CUDA driver does not start",
    "CUDARuntimeError": "the CUDA driver reports an error",
    "CudaAPIError": "the CUDA driver reports an error",
    "NvvmError": "the CUDA compiler refuses a kernel",
    "NvvmSupportError": "the CUDA compiler is not installed",
    "LinkerError": "the CUDA linker refuses a kernel",
    "NumbaError": "a kernel does not compile for it",
}
_OUT_OF_MEMORY = 2  # CUDA's number of the error


class ParityError(Exception):
    """A kernel on the device gives other numbers than on the CPU; the text is half a sentence."""


@dataclasses.dataclass(frozen=True)
class Group:
    """Kernels that serve together or not at all.

    Attributes:
        name: such as `indicators`.
        cases: makes the cases of every kernel of the group, on the CPU.
    """

    name: str
    cases: Callable[[], Mapping[Any, list[parity.Case]]]


def on_device(compute: Callable[[Bench], R], device: Device, group: Group) -> tuple[R, Device]:
    """What `compute` gives on a device, with the device that computed in the end and why.

    Args:
        compute: called with the bench that runs its kernels; on the GPU first, where that is the
            device, and once more on the CPU if the GPU fails.
        device: as chosen.
        group: where the kernels' cases come from.
    """
    if device.kind == "cpu":
        return compute(benches.CPU), device
    lack = _closed.get(group.name)
    if lack is None:
        try:
            return compute(CudaBench(functools.partial(_prove, group))), device
        except Exception as error:
            lack = fault(error)
            if lack is None:
                raise
            if isinstance(error, ParityError):
                _closed[group.name] = lack
    return compute(benches.CPU), fell_back(lack)


def wished(wish: str) -> Device:
    """`choose_device`, where a GPU that was asked for by name and is not there is a fallback."""
    device = choose_device(wish)
    if wish != "gpu" or device.kind == "gpu":
        return device
    return _said(dataclasses.replace(device, fallback=True))


def fell_back(lack: str) -> Device:
    """The CPU in a GPU's place; counted, and said in the log the first time."""
    return _said(Device("cpu", f"Computed on the CPU instead of a GPU: {lack}.", fallback=True))


def _said(device: Device) -> Device:
    fallbacks[device.reason] += 1
    if fallbacks[device.reason] == 1:
        log.warning(device.reason)
    return device


def fault(error: BaseException) -> str | None:
    """Half a sentence if an error is the GPU's, None if it is not."""
    if isinstance(error, ParityError):
        return str(error)
    if getattr(error, "code", None) == _OUT_OF_MEMORY and _is(error, "CudaAPIError"):
        return _FAULTS["MemoryError"]
    for name, words in _FAULTS.items():
        if _is(error, name):
            cause = " ".join(str(error).split())[:120].rstrip(".:")
            return words if name == "MemoryError" or not cause else f"{words} ({cause})"
    return None


def findings(group: Group) -> list[parity.Finding]:
    """What this machine's GPU makes of every kernel of a group, the worst first."""
    found = [_finding(group, kernel) for kernel in _cases(group)]
    return sorted(found, key=lambda f: (-f.ulps, f.kernel))


#: groups that failed, with the reason; the process does not try them again
_closed: dict[str, str] = {}
_proved: dict[Any, parity.Finding] = {}


def _prove(group: Group, kernel: Any) -> None:
    """Raise unless the kernel agrees with the CPU; looked at once per process."""
    finding = _finding(group, kernel)
    if not finding.serves:
        raise ParityError(
            f"its results of {finding.kernel} differ from the CPU's by {finding.ulps:.3g} units in "
            f"the last place, {parity.BOUND:.0f} are allowed"
        )


@functools.lru_cache(maxsize=8)
def _cases(group: Group) -> Mapping[Any, list[parity.Case]]:
    return group.cases()


def _finding(group: Group, kernel: Any) -> parity.Finding:
    if kernel not in _proved:
        cases = _cases(group).get(kernel)
        if not cases:
            name = parity.name_of(kernel)
            raise ParityError(f"nothing proves its results of {name}, which no case calls")
        _proved[kernel] = parity.examine(cases, CudaBench())
    return _proved[kernel]


def _is(error: BaseException, name: str) -> bool:
    return any(kind.__name__ == name for kind in type(error).__mro__)
