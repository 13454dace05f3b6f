"""What is scheduled is told by its time: ahead, or already there and waiting for a worker."""

import datetime as dt

import pytest
from prefect.client.orchestration import get_client
from prefect.states import Scheduled

from flows import _cli_status
from flows.nightly import nightly
from tasks.data.store import Store


@pytest.fixture
def scheduled(prefect_api: str) -> dt.datetime:
    """A retry that waits for its worker since an hour, and a night in an hour; the time now."""
    now, hour = dt.datetime.now(dt.UTC), dt.timedelta(hours=1)
    with get_client(sync_client=True) as client:
        made = [
            client.create_flow_run(nightly, name=name, state=Scheduled(scheduled_time=when))
            for name, when in (("a retry", now - hour), ("later", now + hour))
        ]
    yield now
    with get_client(sync_client=True) as client:
        for run in made:
            client.delete_flow_run(run.id)


def test_what_waits_is_not_called_the_next_night(scheduled: dt.datetime, qilin_home) -> None:
    told = _cli_status.lines(Store(), scheduled)
    ago, ahead = (
        f"{scheduled.astimezone(_cli_status.ZONE) + dt.timedelta(hours=h):%Y-%m-%d %H:%M} +08:00"
        for h in (-1, 1)
    )
    assert any(line.startswith(f"waiting   a retry since {ago}") for line in told)
    assert any(line.startswith(f"next      {ahead}") for line in told)
