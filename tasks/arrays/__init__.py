"""Devices, array kinds and compilation: the ground floor under every kernel.

- `devices`: what GPUs there are, which device computes, and the sentence that says why
- `kinds`: numpy, pandas, polars, torch, cupy and cudf in, and back in kind
- `compiling`: numba's options and its disk cache, in one place
- `benches`: where kernels run, on the CPU or from the same source on a GPU (`cudalanes`)
"""

from tasks.arrays.devices import Device, GPUBackend, GPUInfo, GPUUtils, choose_device

__all__ = ["Device", "GPUBackend", "GPUInfo", "GPUUtils", "choose_device"]
