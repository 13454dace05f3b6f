"""The store took what a step wrote, and its answer was lost: the work is found, not done again."""

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.states import State
from s3fs import S3FileSystem

from flows._server import any_free_port
from tasks._step import Context, Output, step
from tasks.data.store import MANIFEST
from tests.faults import relay
from tests.flows import objectstore

pytestmark = pytest.mark.slow


class Losses:
    """Which answers of the object store are lost."""

    def __init__(self) -> None:
        self.commits = self.all_later = False
        self.kept = 0

    def __call__(self, asked: str, said: str) -> bool:
        """Lose the answer to a manifest that was written and, if so wished, all after it."""
        if self.commits and asked.startswith("PUT") and MANIFEST in asked and " 200 " in said:
            self.kept += 1
            return True
        return self.all_later and self.kept > 0


@pytest.fixture
def losses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Losses]:
    """What is lost between the steps of a test and an S3 service."""
    port, made = any_free_port(), Losses()
    with (
        objectstore.served(tmp_path / "moto.log", port),
        relay.Relay("127.0.0.1", port, made) as between,
    ):
        threading.Thread(target=between.serve_forever, daemon=True).start()
        given = objectstore.environment(f"http://127.0.0.1:{between.server_address[1]}")
        for name, value in {**given, "AWS_MAX_ATTEMPTS": "1"}.items():
            monkeypatch.setenv(name, value)
        S3FileSystem.clear_instance_cache()  # it would talk to the service of the test before
        yield made
        between.shutdown()


@pytest.fixture
def ctx(tmp_path: Path) -> Context:
    root = f"s3://{objectstore.BUCKET}/{uuid.uuid4().hex}"
    return Context(root, data_path=str(tmp_path / "log.txt"), label="precious 1/1")


@step("load")
def precious(ctx: Context, number: int) -> Output:
    with Path(ctx.data_path).open("a") as log:
        log.write(f"{number}\n")
    return Output("text", {"a.txt": str(number).encode()}, rows=number)


def _night(ctx: Context) -> State[Any]:
    """The step in a run of its own; how it ended."""

    @flow
    def night() -> None:
        ended.append(precious(ctx=ctx, number=3, return_state=True))  # type: ignore[call-overload]

    ended: list[State[Any]] = []
    night()
    return ended[0]


def test_a_write_whose_answer_is_lost_counts(
    prefect_api: str, losses: Losses, ctx: Context
) -> None:
    losses.commits = True
    state = _night(ctx)
    assert losses.kept >= 1, "no answer was lost"
    assert state.is_completed()
    assert ctx.store.find(state.result()["key"]) is not None
    assert Path(ctx.data_path).read_text().split() == ["3"]


def test_a_rerun_finds_what_was_written_before_the_store_fell_silent(
    prefect_api: str, losses: Losses, ctx: Context
) -> None:
    losses.commits = losses.all_later = True
    lost = _night(ctx)
    assert losses.kept >= 1, "no answer was lost"
    assert lost.is_failed()
    assert f"the store {ctx.store_root} did not take its text " in str(lost.message)
    losses.commits = losses.all_later = False
    found = _night(ctx)
    assert found.name == "Cached"
    assert Path(ctx.data_path).read_text().split() == ["3"], "the work was done twice"
