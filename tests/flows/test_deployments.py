"""The deployments file is sound: what it names exists, and nothing in it belongs to one machine."""

import datetime as dt
import re
from zoneinfo import ZoneInfo

import pytest
import yaml

from tasks import settings

FILE = settings.CHECKOUT / "deployments" / "prefect.yaml"
CONTENT = yaml.safe_load(FILE.read_text(encoding="utf-8"))
DEPLOYMENTS = CONTENT["deployments"]


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda d: d["name"])
def test_the_entrypoint_loads_as_a_module(deployment):
    from prefect.flows import load_flow_from_entrypoint

    entrypoint = deployment["entrypoint"]
    assert re.fullmatch(r"flows\.\w+\.\w+", entrypoint), "a module path, not a file"
    flow = load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)
    assert flow.name == deployment["name"]
    assert set(deployment["parameters"]) <= set(flow.parameters.properties)


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda d: d["name"])
def test_the_schedule_is_an_hour_of_the_exchange(deployment):
    from prefect.client.schemas.schedules import CronSchedule

    for entry in deployment.get("schedules", ()):
        schedule = CronSchedule(cron=entry["cron"], timezone=entry["timezone"])
        moment = dt.datetime(2026, 11, 20, tzinfo=ZoneInfo(schedule.timezone))
        assert moment.utcoffset() == dt.timedelta(hours=8)
        minute, hour, *_, weekdays = schedule.cron.split()
        assert (int(hour), int(minute)) >= (15, 30), "after the close"
        assert weekdays == "1-5"


def test_one_pool_and_low_count_tags():
    for deployment in DEPLOYMENTS:
        assert deployment["work_pool"] == {"name": "qilin"}
        assert deployment["name"] in deployment["tags"]
        assert not [tag for tag in deployment["tags"] if re.search(r"\d{4}", tag)]


def test_no_place_of_one_machine_is_named():
    assert not re.search(r"(^|[\s\"'])/\w", FILE.read_text(encoding="utf-8"))
    assert [list(step) for step in CONTENT["pull"]] == [
        ["prefect.deployments.steps.set_working_directory"]
    ]


def test_one_night_at_a_time_and_the_next_waits():
    limit = {d["name"]: d.get("concurrency_limit") for d in DEPLOYMENTS}
    assert limit["nightly"] == {"limit": 1, "collision_strategy": "ENQUEUE"}
