"""Compute on a GPU only what the CPU confirms, and on the CPU whatever a GPU cannot."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.arrays import benches
from tasks.arrays.devices import Device

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.arrays.benches import Bench
    from tasks.data.panel import Panel

    Compute = Callable[[Panel, Bench], list[NDArray[Any]]]

#: CPU and GPU must agree on so many last rows of a panel before the GPU's results are used
PROBE_ROWS = 260
#: GPUs contract a * b + c to one rounding, the CPU rounds twice
TOLERANCE = 1e-6


def on_device(compute: Compute, panel: Panel, device: Device) -> tuple[list[NDArray[Any]], Device]:
    """What `compute` gives for the panel on a device, and the device that was used and why.

    The GPU's results are used only if they agree with the CPU's on a part of the panel; where they
    do not, or its memory is too small, the CPU computes.
    """
    if device.kind == "gpu":
        try:
            lack = _disagreement(compute, panel)
            if lack is None:
                return compute(panel, benches.gpu()), device
        except MemoryError:
            lack = "its memory is too small for this panel"
        device = Device("cpu", f"Computed on the CPU instead of a GPU: {lack}.")
    return compute(panel, benches.CPU), device


def _disagreement(compute: Compute, panel: Panel) -> str | None:
    """Half a sentence if CPU and GPU differ on the panel's last rows."""
    part = panel.rows(slice(-PROBE_ROWS, None))
    pairs = zip(compute(part, benches.CPU), compute(part, benches.gpu()), strict=True)
    for ours, theirs in pairs:
        if not np.allclose(ours, theirs, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True):
            return "its results differ from the CPU's on this panel's last rows"
    return None
