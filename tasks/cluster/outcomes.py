"""Many calls over a cluster, each with its value or its error: one failure costs one row.

Calls travel in blocks, a few per thread. Within a block every failure is caught where it happens;
a block that is lost as a whole (a killed worker, a result that cannot travel) is run again call by
call, so that what is at fault is found and everything else kept. Order and values depend neither
on the number of workers nor on what finishes first.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
from collections.abc import Callable, Sequence
from typing import Any

from tasks.cluster.fanout import describe
from tasks.cluster.manager import DaskDistributedManager
from tasks.errors import UserError

log = logging.getLogger(__name__)

#: blocks per thread: enough to even out slow ones, few enough to cost little
BLOCKS_PER_THREAD = 4
#: how often a call is tried whose worker died, with what it had been sent
TRIES = 3


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a call gave: a value, or in one line why there is none."""

    value: Any = None
    error: str | None = None


@dataclasses.dataclass(frozen=True)
class _Block:
    """Calls of one function, carried out together; `shared` follows each call's own arguments."""

    function: Callable[..., Any]

    def __call__(self, calls: Sequence[tuple[Any, ...]], *shared: Any) -> list[Outcome]:
        return [_attempt(self.function, (*call, *shared)) for call in calls]


def run_all(
    manager: DaskDistributedManager,
    function: Callable[..., Any],
    calls: Sequence[tuple[Any, ...]],
    *,
    label: str,
    shared: Sequence[Any] = (),
    blocks: int | None = None,
) -> list[Outcome]:
    """The outcome of `function(*call, *shared)` for each call, in their order.

    `blocks` says in how many blocks calls travel, a few per thread by default.

    Errors: `UserError` if the function cannot travel to the workers.
    """
    _check_travels(function, label)
    count = blocks or BLOCKS_PER_THREAD * max(1, manager.threads)
    size = max(1, -(-len(calls) // count))
    bundles = [list(calls[i : i + size]) for i in range(0, len(calls), size)]
    run = functools.partial(manager.flow_through, _Block(function), label=label, shared=shared)
    done, lost = run(bundles)
    for i in sorted(lost):
        log.warning("%s: block %d was lost (%s), run again", label, i + 1, describe(lost[i]))
        done[i] = _one_by_one(run, bundles[i])
    return [outcome for i in range(len(bundles)) for outcome in done[i]]


def warn_of_failures(outcomes: Sequence[Outcome], label: str) -> None:
    """One line in the log when calls failed; the rows hold each error."""
    failed = [o.error for o in outcomes if o.error is not None]
    if failed:
        log.warning(
            "%s: %d of %d failed, the first with: %s; see the column 'error'",
            label,
            len(failed),
            len(outcomes),
            failed[0],
        )


def _one_by_one(
    run: Callable[[Sequence[Any]], tuple[dict[int, Any], dict[int, BaseException]]],
    calls: Sequence[tuple[Any, ...]],
) -> list[Outcome]:
    """Outcomes of calls whose block was lost; who is lost with another's worker is tried again."""
    found: dict[int, Outcome] = {}
    waiting = list(range(len(calls)))
    for _ in range(TRIES):
        done, lost = run([[calls[i]] for i in waiting])
        found |= {waiting[k]: block[0] for k, block in done.items()}
        found |= {waiting[k]: Outcome(error=describe(error)) for k, error in lost.items()}
        waiting = [waiting[k] for k in sorted(lost) if type(lost[k]).__name__ != "KilledWorker"]
        if not waiting:
            break
    return [found[i] for i in range(len(calls))]


def _attempt(function: Callable[..., Any], call: tuple[Any, ...]) -> Outcome:
    try:
        return Outcome(function(*call))
    except Exception as error:  # noqa: BLE001 - it becomes the call's row, with its reason
        return Outcome(error=describe(error))


def _check_travels(function: Callable[..., Any], label: str) -> None:
    import distributed.protocol.pickle

    dumps: Any = distributed.protocol.pickle.dumps
    try:
        dumps(function)
    except Exception as error:  # noqa: BLE001 - pickling runs the user's own code
        raise UserError(
            f"{label}: the function cannot be sent to workers ({describe(error)}): make it not "
            "hold locks, open files or connections"
        ) from None
