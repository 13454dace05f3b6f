"""Steps: one key for work, cache and retry; unequal work shares nothing, none is done twice."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prefect import flow
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.concurrency import services as concurrency
from prefect.results import get_result_store
from prefect.states import State
from prefect_dask import DaskTaskRunner

from tasks import _step
from tasks._step import Context, Output, ask_for_limits, step
from tasks.cluster.fanout import fan_out
from tasks.data import codec
from tasks.data.store import Artifact, Store
from tasks.errors import NightFailedError, UserError


def tell(ctx: Context, what: str) -> None:
    with Path(ctx.data_path).open("a") as file:
        file.write(f"{what}\n")


@step("load")
def ones(ctx: Context, n: int) -> Output:
    tell(ctx, "ones")
    return Output("array", {"a.npy": codec.array_bytes(np.ones(n))}, rows=n)


@step("load")
def twos(ctx: Context, n: int) -> Output:
    tell(ctx, "twos")
    return Output("array", {"a.npy": codec.array_bytes(np.full(n, 2.0))}, rows=n)


@step("load")
def total(ctx: Context, parts: list[Artifact]) -> Output:
    tell(ctx, "total")
    value = sum(float(ctx.store.read_array(part, "a.npy").sum()) for part in parts)
    return Output("number", {"a.npy": codec.array_bytes(np.array(value))})


@step("load")
def divides(ctx: Context, by: int) -> Output:
    if by < 0:
        raise UserError(f"divisor {by} is negative: give a positive one")
    return Output("number", {"a.npy": codec.array_bytes(np.array(1 // by))})


@step("load")
def tells_begun(ctx: Context, n: int) -> Output:
    tell(ctx, str(ctx.begun))
    if not Path(f"{ctx.data_path}.stays").exists():
        raise MemoryError(n)
    return Output("array", {"a.npy": codec.array_bytes(np.ones(n))})


def slowly(number: int) -> int:
    time.sleep(0.05)
    return number


@step("load")
def fanning(ctx: Context, n: int) -> Output:
    total = sum(fan_out(slowly, range(n), label=ctx.label))
    return Output("number", {"a.npy": codec.array_bytes(np.array(float(total)))})


Played = tuple[list[State[Any]], list[str]]


@pytest.fixture
def play(prefect_api: str, qilin_home: Path, tmp_path: Path) -> Callable[..., Played]:
    """Run (step, arguments) pairs on one worker with two threads; states, and what really ran."""
    log = tmp_path / "log.txt"

    def run(*work: tuple[Any, dict[str, Any]], chain: bool = False, **context: Any) -> Played:
        log.write_text("")
        ctx = Context(**{"store_root": str(qilin_home), "data_path": str(log), **context})

        @flow(task_runner=DaskTaskRunner(cluster_kwargs=CLUSTER))
        def steps() -> None:
            futures = [made.submit(ctx=ctx, **arguments) for made, arguments in work]
            if chain:
                futures.append(total.submit(ctx=ctx, parts=futures))
            for future in futures:
                future.wait()
            collected.extend(future.state for future in futures)

        collected: list[State[Any]] = []
        steps()
        return collected, sorted(log.read_text().split())

    return run


CLUSTER = {
    "processes": False, "n_workers": 1, "threads_per_worker": 2, "dashboard_address": None,
}  # fmt: skip


def names(states: list[State[Any]]) -> list[str]:
    return [state.name or "" for state in states]


def value(home: Path, state: State[Any]) -> float:
    artifact = Artifact.from_json(state.result(_sync=True))
    return float(Store(str(home)).read_array(artifact, "a.npy").sum())


def test_steps_with_equal_arguments_never_share_a_result(
    play: Callable[..., Played], qilin_home: Path
) -> None:
    states, ran = play((ones, {"n": 3}), (twos, {"n": 3}), chain=True)
    assert ran == ["ones", "total", "twos"]
    assert [value(qilin_home, s) for s in states] == [3.0, 6.0, 9.0]


def test_done_work_shows_cached_and_is_not_done_again(
    play: Callable[..., Played], qilin_home: Path
) -> None:
    work = (ones, {"n": 3}), (twos, {"n": 3})
    first, _ = play(*work, chain=True)
    again, ran = play(*work, chain=True)
    assert ran == []
    assert names(first) == ["Completed"] * 3
    assert names(again) == ["Cached"] * 3
    assert [s.result(_sync=True) for s in first] == [s.result(_sync=True) for s in again]


def test_a_damaged_artifact_is_built_again_and_what_equals_it_is_kept(
    play: Callable[..., Played], qilin_home: Path
) -> None:
    work = (ones, {"n": 3}), (twos, {"n": 3})
    first, _ = play(*work, chain=True)
    broken = Artifact.from_json(first[0].result(_sync=True))
    path = Path(Store(str(qilin_home)).path(broken.uri)) / "a.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    again, ran = play(*work, chain=True)
    assert ran == ["ones"]
    assert names(again) == ["Completed", "Cached", "Cached"]


def test_a_wiped_store_is_never_hidden_by_prefects_own_records(
    play: Callable[..., Played], qilin_home: Path
) -> None:
    first, _ = play((ones, {"n": 4}))
    Store(str(qilin_home)).discard(Artifact.from_json(first[0].result(_sync=True)).key)
    again, ran = play((ones, {"n": 4}))
    assert ran == ["ones"]
    assert value(qilin_home, again[0]) == 4.0


def test_a_night_in_another_store_does_not_take_this_ones_records_for_its_own(
    play: Callable[..., Played], qilin_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = play((ones, {"n": 5}))
    told, record, mirror = first[0].result(_sync=True), first[0].data.metadata, _step._mirror

    def another_night_ends_now(made: Artifact | None, key: str) -> None:
        mirror(made, key)
        get_result_store().write(key=record.storage_key, obj=told)

    monkeypatch.setattr(_step, "_mirror", another_night_ends_now)
    other = tmp_path / "other"
    again, ran = play((ones, {"n": 5}), store_root=str(other))
    assert ran == ["ones"]
    assert value(other, again[0]) == value(qilin_home, first[0]) == 5.0


def test_an_exception_names_the_block_and_says_what_to_do(play: Callable[..., Played]) -> None:
    states, _ = play((divides, {"by": 0}), (divides, {"by": -1}), label="backtest 04/20")
    bug = states[0].result(raise_on_failure=False, _sync=True)
    mistake = states[1].result(raise_on_failure=False, _sync=True)
    assert isinstance(bug, NightFailedError)
    assert str(bug).startswith("backtest 04/20: ZeroDivisionError: integer")
    assert "Retry" in str(bug)
    assert isinstance(mistake, UserError)
    assert str(mistake) == "backtest 04/20: divisor -1 is negative: give a positive one"


def test_a_worker_with_other_code_refuses_to_work(play: Callable[..., Played]) -> None:
    states, ran = play((ones, {"n": 3}), code={"ones": "0" * 64})
    assert ran == []
    error = states[0].result(raise_on_failure=False, _sync=True)
    assert "runs other code than the driver" in str(error)


def test_a_step_that_fans_out_is_nobodys_parent(
    play: Callable[..., Played], qilin_home: Path
) -> None:
    """Its thread starts the next task; Prefect would draw that one inside it, out of sight."""
    states, _ = play(*((fanning, {"n": n}) for n in range(3, 9)))
    assert [value(qilin_home, s) for s in states] == [sum(range(n)) for n in range(3, 9)]
    with get_client(sync_client=True) as client:
        for state in states:
            assert state.state_details.task_run_id is not None
            run = client.read_task_run(state.state_details.task_run_id)
            assert "__parents__" not in run.task_inputs


def test_a_step_is_told_of_tries_that_gave_nothing_and_not_of_reruns(
    play: Callable[..., Played], tmp_path: Path
) -> None:
    work = (tells_begun, {"n": 3})
    assert [play(work)[1] for _ in range(2)] == [["0"], ["1"]]
    (tmp_path / "log.txt.stays").touch()
    assert play(work)[1] == ["2"]
    reruns = [play(work, fresh=f"run {i}")[1] for i in range(3)]
    assert reruns == [["0"]] * 3


def test_a_tag_without_a_limit_is_asked_for_once(
    play: Callable[..., Played], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else every task asks, and where SQLite is busy the answer takes two seconds."""
    limit = GlobalConcurrencyLimitCreate(name="tag:stage:train", limit=3)
    with get_client(sync_client=True) as client:
        client.create_global_concurrency_limit(limit)
        try:
            concurrency._no_limits_cache.clear()
            ask_for_limits(["load", "train"])
        finally:
            client.delete_global_concurrency_limit_by_name(limit.name)
    assert set(concurrency._no_limits_cache) == {frozenset(["tag:stage:load"])}
    asked: list[Any] = []
    monkeypatch.setattr(PrefectClient, "increment_concurrency_slots_with_lease", asked.append)
    states, _ = play((ones, {"n": 3}))
    assert states[0].is_completed()
    assert asked == []
