"""What more workers would make of a night: a discrete-event simulation from measured costs.

The driver submits blocks one after the other, each at a cost, and waits where the night waits. A
worker's thread takes one block at a time: it reads the block's inputs, which share the store's
bandwidth, works, and pays Prefect's cost per task. A block that fans out is as many parts as the
night cuts, each with Dask's cost, and a last step that joins them.
"""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Task:
    """One block: seconds of work on one core, what it waits for, how it is spread.

    Attributes:
        label: unique.
        seconds: work on one core.
        after: labels of earlier tasks.
        parts: pieces that it spreads over the workers, 1 for none.
        gigabytes: of input that its worker reads.
        waits: whether the driver goes on only after its end.
    """

    label: str
    seconds: float
    after: tuple[str, ...] = ()
    parts: int = 1
    gigabytes: float = 0.0
    waits: bool = False


@dataclasses.dataclass(frozen=True)
class Costs:
    """What orchestration adds, seconds, and how fast data moves, GB/s.

    Attributes:
        submit: of the driver for each task, one after the other.
        task: of a worker for each task.
        part: of a worker for each part of a task that fans out.
        reader: one worker's reading.
        store: what the store gives all workers together.
    """

    submit: float
    task: float
    part: float = 0.01
    reader: float = 1.0
    store: float = 2.5


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a simulated night went.

    Attributes:
        wall: seconds from the first submission to the last end.
        busy: share of the workers' time that was work.
    """

    wall: float
    busy: float


def simulate(tasks: Sequence[Task], workers: int, costs: Costs) -> Outcome:
    """Run the tasks, in their order of submission, on so many single-threaded workers."""
    free = [0.0] * workers
    heapq.heapify(free)
    ended: dict[str, float] = {}
    reading: list[float] = []
    driver = 0.0
    for task in tasks:
        ready = max((ended[label] for label in task.after), default=0.0)
        driver = max(driver, ready) + costs.submit
        ends = []
        for _ in range(task.parts):
            start = max(driver, heapq.heappop(free))
            reading = [until for until in reading if until > start]
            speed = min(costs.reader, costs.store / (len(reading) + 1))
            read = task.gigabytes / task.parts / speed
            if read:
                heapq.heappush(reading, start + read)
            each = task.seconds / task.parts
            overhead = costs.task if task.parts == 1 else costs.part
            ends.append(start + read + each + overhead)
            heapq.heappush(free, ends[-1])
        ended[task.label] = max(ends) + (costs.task if task.parts > 1 else 0.0)
        if task.waits:
            driver = ended[task.label]
    wall = max(ended.values(), default=0.0)
    work = sum(task.seconds for task in tasks)
    return Outcome(wall, work / (wall * workers) if wall else 0.0)


def longest_chain(tasks: Sequence[Task]) -> float:
    """Work that no number of workers can do side by side; parts run beside each other."""
    until: dict[str, float] = {}
    for task in tasks:
        before = max((until[label] for label in task.after), default=0.0)
        until[task.label] = before + task.seconds / task.parts
    return max(until.values(), default=0.0)
