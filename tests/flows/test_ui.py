"""A night in Prefect's own pages: started from the form, failed, and mended by Retry.

Needs Chromium. The block fails for real, because the store cannot write its artifact. Pictures of
every page stay in pytest's temporary folder.
"""

import datetime as dt
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from flows._settings import NightlyConfig
from tests.flows import nights, pages
from tests.flows.pages import NIGHT, SERVICES, Browser, Services

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NOTE = "started from the form"
TAGS = {"nightly", "market:cn-a", "size:full"}
STAGES = {"load", "features", "backtest", "train", "report"}
ARTIFACTS = {"nightly-summary", "nightly-survivors", "nightly-data-health", "nightly-provenance",
             "nightly-report"}  # fmt: skip


@pytest.fixture(scope="module")
def services(chromium: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with pages.up(nights.new_home(tmp_path_factory.mktemp("ui") / "home")) as services:
        yield services


@pytest.fixture(scope="module")
def browser(services: Services, chromium: Path, tmp_path_factory: Any) -> Iterator[Browser]:
    with pages.opened(services.url, chromium, tmp_path_factory.mktemp("pictures")) as browser:
        yield browser


def test_the_form_can_be_submitted_unchanged(services: Services, browser: Browser) -> None:
    services.api.patch("/work_pools/qilin", json={"is_paused": True}).raise_for_status()
    try:
        browser.form()
        browser.picture("form")
        run = browser.submit(services)
        assert run["state_type"] == "SCHEDULED"
        assert NightlyConfig.model_validate(run["parameters"]["config"]) == NightlyConfig()
        services.api.delete(f"/flow_runs/{run['id']}").raise_for_status()
    finally:
        services.api.patch("/work_pools/qilin", json={"is_paused": False}).raise_for_status()


@pytest.fixture(scope="module")
def failed(services: Services, browser: Browser, calm_night: nights.Ran) -> dict[str, Any]:
    """A night started from the form, one block of which failed; with what was seen meanwhile."""
    block = nights.spoil(services.home, calm_night)
    browser.form()
    for setting in (*nights.SMALL, f"note={NOTE}"):
        name, _, value = setting.partition("=")
        browser.field(name).fill(value)
    browser.picture("filled")
    run = browser.submit(services)["id"]
    browser.run(run)
    progress: list[float] = []

    def look() -> None:
        found = services.ask("/artifacts/filter", artifacts={"key": {"any_": ["nightly-progress"]}})
        progress.extend(float(a["data"]) for a in found)
        if len(progress) == 10:
            browser.picture("running")

    ended = services.ended(run, look)
    summary = nights.Ran(0, "", "", services.home).summary
    (shown,) = services.ask("/artifacts/filter", artifacts={"key": {"any_": ["nightly-progress"]}})
    assert shown["description"] == "over, 1 block failed"
    return {"run": ended, "block": block, "progress": progress, "summary": summary}


def test_a_night_started_from_the_form_fails_by_name(
    services: Services, browser: Browser, failed: dict[str, Any], calm_night: nights.Ran
) -> None:
    run, block, summary = failed["run"], failed["block"], failed["summary"]
    assert run["state_type"] == "FAILED"
    assert f"1 block failed: {block['label']}: the store " in run["state"]["message"]
    assert summary["run"]["note"] == NOTE
    assert summary["outputs"].items() <= calm_night.outputs.items()
    (lost,) = [t for t in services.tasks(run["id"]) if t["state_type"] == "FAILED"]
    assert lost["name"] == block["label"]
    browser.run(run["id"], "Task Runs")
    browser.page.get_by_text("Failed", exact=True).first.wait_for()
    browser.picture("failed")
    browser.run(run["id"], "Details")
    browser.page.get_by_text(f"1 block failed: {block['label']}").first.wait_for()
    browser.picture("failed-message")


def test_the_progress_moved(failed: dict[str, Any]) -> None:
    assert failed["progress"] == sorted(failed["progress"])
    assert len(set(failed["progress"])) >= 3


def test_names_and_tags_can_be_searched_and_sorted(
    services: Services, failed: dict[str, Any]
) -> None:
    run = failed["run"]
    assert run["name"] == f"nightly {failed['summary']['run']['day']} full manual"
    assert set(run["tags"]) == TAGS
    tasks = services.tasks(run["id"])
    assert 10 < len(tasks) <= 60
    for task in tasks:
        (stage,) = [tag.removeprefix("stage:") for tag in task["tags"]]
        assert stage in STAGES
        assert task["name"].startswith(stage)
        assert len(task["name"]) <= 60


def test_no_block_is_drawn_inside_another(services: Services, failed: dict[str, Any]) -> None:
    graph = services.api.get(f"/flow_runs/{failed['run']['id']}/graph-v2").json()
    assert len(graph["nodes"]) == len(services.tasks(failed["run"]["id"]))
    assert not [node for _, node in graph["nodes"] if node["encapsulating"]]


@pytest.fixture(scope="module")
def retried(services: Services, browser: Browser, failed: dict[str, Any]) -> dict[str, Any]:
    """The same run after Retry was pressed."""
    nights.mend(services.home, failed["block"])
    run = failed["run"]["id"]
    browser.run(run)
    browser.press("Retry")
    browser.page.get_by_text("This will retry flow run").wait_for()
    browser.picture("retry")
    browser.page.locator(".p-modal").get_by_role("button", name="Retry", exact=True).click()
    deadline = time.monotonic() + NIGHT
    while services.api.get(f"/flow_runs/{run}").json()["state_type"] == "FAILED":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return services.ended(run)


def test_retry_computes_the_failed_block_and_what_needs_it(
    services: Services, browser: Browser, failed: Any, retried: Any, calm_night: nights.Ran
) -> None:
    assert retried["state_type"] == "COMPLETED", retried["state"]["message"]
    before, ran = failed["summary"], nights.Ran(0, "", "", services.home)
    after = ran.summary
    report = f"report {after['run']['day']}"
    assert ran.computed == {failed["block"]["label"], "backtest trials judged", report}
    for name in ("id", "day", "folder"):
        assert after["run"][name] == before["run"][name]
    assert retried["name"] == failed["run"]["name"]
    assert after["outputs"] == calm_night.outputs
    browser.page.get_by_text("Completed", exact=True).first.wait_for()
    browser.picture("completed")


def test_the_artifacts_tab_shows_the_night(
    services: Services, browser: Browser, retried: dict[str, Any]
) -> None:
    browser.run(retried["id"], "Artifacts")
    for key in sorted(ARTIFACTS):
        browser.page.get_by_text(key, exact=True).first.wait_for()
    browser.picture("artifacts")
    # The failed attempt left a summary of its own.
    card = browser.page.locator(".artifact-card", has_text="nightly-summary", has_not_text="FAIL")
    card.get_by_text("nightly-summary", exact=True).click()
    browser.page.get_by_role("heading", name="PASS").wait_for()
    browser.picture("summary")


def test_the_same_form_again_finds_everything_done(
    services: Services, browser: Browser, retried: dict[str, Any], calm_night: nights.Ran
) -> None:
    browser.form()
    for setting in nights.SMALL:
        name, _, value = setting.partition("=")
        browser.field(name).fill(value)
    run = browser.submit(services)["id"]
    assert run != retried["id"]
    assert services.ended(run)["state_type"] == "COMPLETED"
    ran = nights.Ran(0, "", "", services.home)
    assert ran.computed == {f"report {ran.summary['run']['day']}"}
    assert ran.outputs == calm_night.outputs
    names = {t["state_name"] for t in services.tasks(run)}
    assert names == {"Cached", "Completed"}


def test_the_schedule_plans_nights(services: Services) -> None:
    deadline = time.monotonic() + SERVICES
    planned: list[Any] = []
    while not planned and time.monotonic() < deadline:
        found = services.ask("/flow_runs/filter", sort="EXPECTED_START_TIME_ASC")
        planned = [run for run in found if "auto-scheduled" in run["tags"]]
        time.sleep(1)
    assert planned, (services.home / "logs" / "prefect-server.log").read_text()[-2000:]
    for run in planned:
        start = dt.datetime.fromisoformat(run["expected_start_time"])
        local = start.astimezone(ZoneInfo("Asia/Shanghai"))
        assert (local.hour, local.minute) == (18, 30)
        assert local.weekday() < 5
    told = nights.run(nights.command("status"), services.env).out
    assert planned[0]["expected_start_time"][:10] in told.split("next ")[1]
    nothing = nights.run(nights.command("retry"), services.env)
    assert nothing.code == 2, "a planned night is none that failed"


def test_down_leaves_no_process(services: Services) -> None:
    assert len(services.processes()) >= 3
    ran = nights.run(nights.command("down"), services.env)
    assert ran.code == 0
    assert ran.out.startswith("stopped ")
    deadline = time.monotonic() + 30
    while services.processes() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert services.processes() == []
