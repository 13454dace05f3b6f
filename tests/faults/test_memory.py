"""Worker processes with too little memory: smaller blocks are tried."""

import functools
import time
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.states import State

from flows._runner import task_runner
from tasks._step import Context, Output, step
from tasks.cluster.fanout import fan_out, narrowing

pytestmark = pytest.mark.slow

MEGABYTE = 1_000_000
#: one worker process with its libraries needs some 300 MB of it
WORKER_MEMORY = "900MB"
LANES = 32


def fill(start: int, *, width: int, lane_bytes: int) -> int:
    """What a block of lanes needs while it is worked on; the sum of its lanes' numbers."""
    held = b"1" * (width * lane_bytes)
    time.sleep(0.5)  # the memory of a worker is looked at ten times a second
    return sum(range(start, min(start + width, LANES))) if len(held) else 0


@step("backtest")
def summed(ctx: Context, lane_bytes: int) -> Output:
    def work(width: int) -> int:
        with Path(ctx.data_path).open("a") as log:
            log.write(f"{width}\n")
        block = functools.partial(fill, width=width, lane_bytes=lane_bytes)
        return sum(fan_out(block, range(0, LANES, width), label=ctx.label))

    total = narrowing(work, LANES, begun=ctx.begun)
    return Output("number", {"total.txt": str(total).encode()})


@pytest.fixture
def one_small_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QILIN_CLUSTER", "processes:1")
    monkeypatch.setenv("QILIN_CLUSTER_MEMORY", WORKER_MEMORY)


def _sum(home: Path, lane_bytes: int) -> tuple[Any, list[int]]:
    """What became of the step, and the widths of blocks that were tried."""
    log = home / "widths.txt"
    ctx = Context(str(home), label="backtest lanes", data_path=str(log))

    @flow(task_runner=task_runner())  # type: ignore[arg-type]
    def night() -> None:
        future = summed.submit(ctx=ctx, lane_bytes=lane_bytes)
        try:
            ended.append(future.wrapped_future.result())
        except Exception as lost:  # noqa: BLE001 - what the cluster says became of it
            ended.append(lost)

    ended: list[State[Any] | Exception] = []
    night()
    return ended[0], [int(width) for width in log.read_text().split()]


def test_blocks_that_kill_their_worker_are_tried_again_with_half_the_width(
    prefect_api: str, one_small_worker: None, qilin_home: Path
) -> None:
    state, widths = _sum(qilin_home, 25 * MEGABYTE)
    assert isinstance(state, State), state
    assert state.is_completed()
    made = Context(str(qilin_home)).store.find(state.result(_sync=True)["key"])
    assert made is not None
    assert Context(str(qilin_home)).store.read_bytes(made, "total.txt") == b"%d" % sum(range(LANES))
    assert widths[0] == LANES
    assert widths[-1] <= LANES // 2
    assert widths == sorted(widths, reverse=True)
