"""What orchestration adds to a night, and what more workers would make of it.

`QILIN_BENCH=full` runs the full-size night: 5,000 stocks over ten years, Alpha158, 200 parameter
sets a stock (1 M combinations), LightGBM; `QILIN_BENCH_SYMBOLS` takes fewer stocks. The default is
a night of seconds on a small market.
"""

import dataclasses
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

# With `--import-mode=importlib` a folder's helpers are found only if the folder is on the path.
sys.path.insert(0, str(Path(__file__).parent))

from night_simulator import Costs, Task, longest_chain, simulate

from tests.flows import nights

pytestmark = pytest.mark.slow

FULL = os.environ.get("QILIN_BENCH") == "full"
FULL_SIZE = (
    f"data.simulated.n_symbols={os.environ.get('QILIN_BENCH_SYMBOLS', '5000')}",
    "data.simulated.start=2016-11-22",
    'advanced.features.sets=["alpha158"]',
    "advanced.sweep.search=random",
    "advanced.sweep.samples=200",
)
SIZE = FULL_SIZE if FULL else nights.SMALL
#: steps after which the night looks at the result before it goes on
WAITS = {"load_bars", "check_bars", "dataset", "predictions", "trials", "report"}
#: step to the artifact that each of its blocks reads
READS = {
    "features_block": "panel", "sweep_block": "panel", "portfolio": "panel",
    "dataset": "dataset", "factors": "dataset", "fold": "dataset", "ranking": "dataset",
}  # fmt: skip
#: pieces that a full-size night cuts its features into, and how much larger than a small one it is
PIECES, GROWTH = 16, (1.0, 10.0, 100.0)


def night(home: Path, workers: int) -> dict[str, Any]:
    """Run a night that finds nothing but compiled kernels; its summary."""
    words = nights.command("nightly", *(w for s in SIZE for w in ("--set", s)))
    env = nights.environment(nights.new_home(home), f"threads:{workers}")
    ran = nights.run(words, env, timeout=4 * 3600)
    assert ran.code == 0, ran.err
    shutil.rmtree(home / "objects")
    return ran.summary


def tasks_of(summary: dict[str, Any]) -> list[Task]:
    """The night's blocks with their measured work."""
    kinds = [block["step"] for block in summary["blocks"]]
    return [
        Task(
            label=block["label"],
            seconds=block["work_seconds"],
            after=tuple(block["after"]),
            parts=block["parts"],
            gigabytes=_read(summary, block["step"]) / (
                kinds.count("features_block") if block["step"] == "features_block" else 1
            ),
            waits=block["step"] in WAITS,
        )
        for block in summary["blocks"]
    ]  # fmt: skip


def _read(summary: dict[str, Any], step: str) -> float:
    part = summary["parts"].get(READS.get(step, ""), {})
    return float(part.get("bytes", 0)) / 1e9


def costs_of(summary: dict[str, Any]) -> Costs:
    """Cost of a task from blocks that nothing else ran beside: those the night waits for."""
    alone = [b for b in summary["blocks"] if b["step"] in WAITS and b["worker"]]
    before = sorted(b["began"] - b["start"] for b in alone)
    behind = sorted(b["end"] - b["began"] - b["work_seconds"] for b in alone)
    middle = len(alone) // 2
    gaps = sorted(
        later["start"] - earlier["start"]
        for earlier, later in zip(summary["blocks"], summary["blocks"][1:], strict=False)
        if earlier["step"] == later["step"]
    )
    submit = gaps[len(gaps) // 2] if gaps else 0.1
    return Costs(submit=submit, task=before[middle] + behind[middle], reader=1e3, store=1e3)


def ideal(tasks: list[Task], workers: int) -> float:
    """Seconds of the same blocks on so many workers if orchestration cost nothing."""
    free = Costs(0.0, 0.0, 0.0, reader=1e9, store=1e9)
    return simulate(tasks, workers, free).wall


def test_the_simulation_keeps_to_chains_parts_and_costs() -> None:
    wide = Task("wide", 8.0, ("first",), parts=4)
    tasks = [Task("first", 1.0, waits=True), wide, Task("last", 1.0, ("wide",))]
    free = Costs(0.0, 0.0, 0.0, reader=1e9, store=1e9)
    assert simulate(tasks, 1, free).wall == 10.0
    assert simulate(tasks, 2, free).wall == 6.0
    assert simulate(tasks, 512, free).wall == longest_chain(tasks) == 4.0
    assert simulate(tasks, 512, Costs(0.5, 0.0, 0.0)).wall == 5.5, "submitted one after the other"
    readers = [Task(str(i), 0.0, gigabytes=1.0) for i in range(4)]
    slow = Costs(0.0, 0.0, 0.0, reader=1.0, store=2.0)
    assert simulate(readers, 4, slow).wall == 2.0, "four readers share what serves two"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict[str, Any]]:
    """Summaries of the night with one and with two workers."""
    folder = tmp_path_factory.mktemp("bench")
    return {workers: night(folder / f"w{workers}", workers) for workers in (2, 1)}


def test_what_orchestration_adds(measured: dict[int, dict[str, Any]]) -> None:
    print("\nworkers  tasks  wall s  work s  longest chain s  without overhead s  overhead")
    for workers, summary in measured.items():
        tasks, wall = tasks_of(summary), summary["timing"]["wall_seconds"]
        least = ideal(tasks, workers)
        assert least <= wall, "a schedule without costs cannot be slower than the night was"
        work = sum(task.seconds for task in tasks)
        print(f"{workers:7d}  {len(tasks):5d}  {wall:6.1f}  {work:6.1f}  "
              f"{longest_chain(tasks):15.1f}  {least:18.1f}  {1 - least / wall:8.1%}")  # fmt: skip


def test_what_more_workers_would_do(measured: dict[int, dict[str, Any]]) -> None:
    costs, tasks = costs_of(measured[1]), tasks_of(measured[1])
    print(f"\nmeasured: submit {costs.submit:.3f} s, task {costs.task:.3f} s")
    for workers, summary in measured.items():
        found = simulate(tasks, workers, costs).wall
        wall = summary["timing"]["wall_seconds"]
        print(f"{workers} workers: simulated {found:.1f} s, measured {wall:.1f} s, "
              f"ratio {found / wall:.2f}")  # fmt: skip
    for growth in (1.0,) if FULL else GROWTH:
        print(f"\nthe night with {growth:g} times the work and data")
        table([grown(task, growth) for task in tasks], costs)


def grown(task: Task, growth: float) -> Task:
    """The same block on a larger market, which cuts its features into as many pieces as a night."""
    cut = growth > 1 and task.label.startswith("features") and "symbols" in task.label
    return dataclasses.replace(
        task,
        seconds=task.seconds * growth,
        gigabytes=task.gigabytes * growth,
        parts=PIECES if cut else task.parts,
    )


def table(tasks: list[Task], costs: Costs) -> None:
    """What so many workers would do, where each reads 1 GB/s and the store gives 2.5 GB/s."""
    there = dataclasses.replace(costs, reader=1.0, store=2.5)
    one = simulate(tasks, 1, there)
    print(f"longest chain of work {longest_chain(tasks):.0f} s")
    print("workers  wall s  speed  work's share of the workers' time")
    for workers in (1, 2, 4, 8, 16, 64, 512):
        found = simulate(tasks, workers, there)
        print(f"{workers:7d}  {found.wall:6.0f}  {one.wall / found.wall:4.1f}x  {found.busy:6.1%}")
