"""Devices, array kinds and compilation: the ground floor under every kernel.

- `devices`: what GPUs there are, which device computes, and the sentence that says why
- `kinds`: numpy, pandas, polars, torch, cupy and cudf in, and back in kind; `together`: several
  of them, with equal labels
- `compiling`: numba's options and its disk cache, in one place
- `benches`: where kernels run, on the CPU or from the same source on a GPU (`cudabench`)
- `twins`: kernels compiled for CUDA (`cudalanes`), one thread per lane and work item
- `deferred`: a GPU's work is noted first and launched together
- `parity`, `serving`: a kernel serves on a GPU once it has proved itself; else the CPU works
"""

from tasks.arrays.devices import Device, GPUBackend, GPUInfo, GPUUtils, choose_device

__all__ = ["Device", "GPUBackend", "GPUInfo", "GPUUtils", "choose_device"]
