"""What a GPU cannot do the CPU does: one sentence with the reason, logged once, counted always."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.arrays import parity, serving
from tasks.arrays.benches import Bench
from tasks.arrays.compiling import end_lane, first_lane, kernel
from tasks.arrays.devices import Device

GPU = Device("gpu", "Computed on a GPU.")


@kernel
def doubled(x, out):
    for j in range(first_lane(len(x)), end_lane(len(x))):
        out[j] = 2.0 * x[j]


@kernel
def unproved(x, out):
    for j in range(first_lane(len(x)), end_lane(len(x))):
        out[j] = x[j]


class FakeGpu(Bench):
    """A device with a fault: an error of one of the libraries, or wrong numbers."""

    kind = "gpu"
    error: Exception | None = None
    off = 0.0

    def __init__(self, proved=lambda _: None):
        self.proved = proved

    def empty(self, shape, dtype=np.float64):
        if self.error is not None:
            raise self.error
        return super().empty(shape, dtype)

    def call(self, kernel, lanes, *arguments):
        self.proved(kernel)
        super().call(kernel, lanes, *arguments)
        arguments[-1][:] += self.off


def cases():
    recorder = parity.Recorder()
    recorder.call(doubled, 3, np.arange(3.0), np.empty(3))
    return recorder.cases


GROUP = serving.Group("doubling", cases)


@pytest.fixture
def fake(monkeypatch):
    """A GPU whose faults a test chooses, in a process that has seen none yet."""

    class Gpu(FakeGpu):
        pass

    monkeypatch.setattr(serving, "CudaBench", Gpu)
    for state in (serving._closed, serving._proved, serving.fallbacks):
        state.clear()
    yield Gpu
    for state in (serving._closed, serving._proved, serving.fallbacks):
        state.clear()


def compute(bench, run=doubled):
    x, out = np.arange(4.0), bench.empty((4,))
    bench.call(run, 4, x, out)
    return bench.kind, out.tolist()


def test_a_proved_kernel_serves(fake):
    (kind, values), used = serving.on_device(compute, GPU, GROUP)
    assert (kind, values, used) == ("gpu", [0, 2, 4, 6], GPU)
    assert not serving.fallbacks


def named(name, *bases, text="something", **attributes):
    return type(name, bases or (Exception,), attributes)(text)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "its memory is too small for this work"),
        (named("OutOfMemoryError", MemoryError), "its memory is too small for this work"),
        (named("CudaAPIError", code=2), "its memory is too small for this work"),
        (
            named("CudaAPIError", code=700, text="[700] Illegal address."),
            "the CUDA driver reports an error ([700] Illegal address)",
        ),
        (named("CUDARuntimeError"), "the CUDA driver reports an error (something)"),
        (named("CudaSupportError"), "the CUDA driver does not start (something)"),
        (named("NvvmSupportError"), "the CUDA compiler is not installed (something)"),
        (named("NvvmError"), "the CUDA compiler refuses a kernel (something)"),
        (
            named("TypingError", type("NumbaError", (Exception,), {})),
            "a kernel does not compile for it (something)",
        ),
    ],
)
def test_each_fault_of_a_gpu_hands_over_to_the_cpu(error, words, fake, caplog):
    fake.error = error
    sentence = f"Computed on the CPU instead of a GPU: {words}."
    for _ in range(3):
        (kind, values), used = serving.on_device(compute, GPU, GROUP)
        assert (kind, values) == ("cpu", [0, 2, 4, 6])
        assert used == Device("cpu", sentence, fallback=True)
    assert serving.fallbacks == {sentence: 3}
    assert [record.message for record in caplog.records] == [sentence]


def test_wrong_numbers_close_the_whole_group_for_the_process(fake, caplog):
    fake.off = 1e-9
    _, used = serving.on_device(compute, GPU, GROUP)
    assert used.kind == "cpu"
    assert used.reason.startswith(
        "Computed on the CPU instead of a GPU: its results of test_serving.doubled differ from the "
        "CPU's by "
    )
    assert used.reason.endswith("units in the last place, 64 are allowed.")
    fake.off = 0.0  # it is not tried again
    _, again = serving.on_device(compute, GPU, GROUP)
    assert again == used
    assert len(caplog.records) == 1
    _, other = serving.on_device(compute, GPU, serving.Group("another", cases))
    assert other.kind == "cpu"  # the same kernel failed


def test_what_nothing_proves_does_not_serve(fake):
    _, used = serving.on_device(lambda bench: compute(bench, unproved), GPU, GROUP)
    assert "nothing proves its results of test_serving.unproved" in used.reason


def test_a_fault_of_ours_is_no_fault_of_the_gpu(fake):
    fake.error = ValueError("ours")
    with pytest.raises(ValueError, match="ours"):
        serving.on_device(compute, GPU, GROUP)
    assert not serving.fallbacks


def test_the_cpu_when_asked_is_no_fallback(fake):
    wish = Device("cpu", "as asked")
    assert serving.on_device(compute, wish, GROUP) == (("cpu", [0, 2, 4, 6]), wish)
    assert not serving.fallbacks


def test_findings_name_the_worst_kernel_first(fake):
    (finding,) = serving.findings(GROUP)
    assert finding == parity.Finding("test_serving.doubled", 0.0, 1)
