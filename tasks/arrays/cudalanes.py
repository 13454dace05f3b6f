"""Which lane and which work item a CUDA thread has. Loaded on a GPU only."""

from __future__ import annotations

from numba import cuda


@cuda.jit(device=True)  # type: ignore[untyped-decorator] # numba-cuda has no types
def own_lane(lanes: int) -> int:
    """The thread's lane, or `lanes` (none) for threads beyond the last one."""
    return min(cuda.grid(1), lanes)  # type: ignore[no-any-return]


@cuda.jit(device=True)  # type: ignore[untyped-decorator] # numba-cuda has no types
def after_own_lane(lanes: int) -> int:
    """One past the thread's lane, and no more than `lanes`."""
    return min(cuda.grid(1) + 1, lanes)  # type: ignore[no-any-return]


@cuda.jit(device=True)  # type: ignore[untyped-decorator] # numba-cuda has no types
def own_item() -> int:
    """The thread's work item."""
    return cuda.blockIdx.y  # type: ignore[no-any-return]
