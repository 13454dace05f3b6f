"""The other deployments in Prefect's own pages: their forms, and a rerun with its preview.

Needs Chromium. Pictures of every page stay in pytest's temporary folder.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows import rerun
from tests.flows import nights, pages
from tests.flows.pages import Browser, Services

pytestmark = [pytest.mark.browser, pytest.mark.slow]

REASON = "a doubt about the folds"


@pytest.fixture(scope="module")
def services(
    chromium: Path, calm_night: nights.Ran, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Services]:
    """Services on the store of a night that is done."""
    home = tmp_path_factory.mktemp("forms") / "home"
    shutil.copytree(calm_night.home, home, symlinks=True)
    with pages.up(home) as services:
        yield services


@pytest.fixture(scope="module")
def browser(services: Services, chromium: Path, tmp_path_factory: Any) -> Iterator[Browser]:
    with pages.opened(services.url, chromium, tmp_path_factory.mktemp("pictures")) as browser:
        yield browser


def rerun_from_the_form(services: Services, browser: Browser, *, preview: bool) -> dict[str, Any]:
    """Fill the form of `rerun` in, submit it, and wait for the end."""
    name = "preview" if preview else "rerun"
    browser.form("rerun")
    browser.choose("from_stage", "train")
    browser.parameter("reason").locator("textarea, input").fill(REASON)
    if preview:
        browser.parameter("preview").get_by_role("switch").click()
    browser.picture(f"{name}-form")
    run = browser.submit(services)
    assert run["parameters"]["from_stage"] == "train"
    ended = services.ended(run["id"])
    assert ended["state_type"] == "COMPLETED", ended["state"]["message"]
    return ended


def listed(services: Services, run: dict[str, Any]) -> list[dict[str, str]]:
    """Rows of the artifact that says what happens to each block."""
    (made,) = services.ask(
        "/artifacts/filter",
        artifacts={"flow_run_id": {"any_": [run["id"]]}, "key": {"any_": [rerun.PREVIEW_KEY]}},
    )
    return list(json.loads(made["data"]))


def anew(rows: list[dict[str, str]]) -> set[str]:
    """Blocks that a rerun computes anew, as its artifact says."""
    return {row["block"] for row in rows if row["what happens"] == "computed anew"}


@pytest.fixture(scope="module")
def previewed(services: Services, browser: Browser) -> dict[str, Any]:
    return rerun_from_the_form(services, browser, preview=True)


@pytest.mark.parametrize("name", ["sweep", "train", "backfill", "rerun"])
def test_every_parameter_of_a_form_says_what_it_means(browser: Browser, name: str) -> None:
    browser.form(name)
    browser.picture(name)
    labels = browser.page.locator("form .schema-form-property > .p-label__header")
    silent = [
        label.inner_text().splitlines()[0]
        for label in labels.all()
        if not label.locator(".schema-form-property__description").count()
    ]
    assert labels.count() >= 4
    assert not silent


def test_the_preview_lists_blocks_and_computes_nothing(
    services: Services, browser: Browser, previewed: dict[str, Any], calm_night: nights.Ran
) -> None:
    day = calm_night.summary["run"]["day"]
    assert previewed["name"] == f"rerun preview {day} full from train"
    assert services.tasks(previewed["id"]) == []
    rows = listed(services, previewed)
    assert [row["block"] for row in rows] == [b["label"] for b in calm_night.summary["blocks"]]
    kept, again = len(rows) - len(anew(rows)), len(anew(rows))
    told = f"{kept} blocks are reused, {again} are computed anew"
    assert told in previewed["state"]["message"]
    assert nights.Ran(0, "", "", services.home).summary["run"] == calm_night.summary["run"]
    browser.run(previewed["id"], "Artifacts")
    browser.picture("preview-card")
    browser.page.get_by_text(rerun.PREVIEW_KEY, exact=True).first.click()
    browser.page.get_by_text("computed anew", exact=True).first.wait_for()
    browser.picture("preview-table")


def test_then_it_does_just_that(
    services: Services, browser: Browser, previewed: dict[str, Any], calm_night: nights.Ran
) -> None:
    ended = rerun_from_the_form(services, browser, preview=False)
    browser.run(ended["id"], "Task Runs")
    browser.picture("rerun-tasks")
    ran = nights.Ran(0, "", "", services.home)
    assert ran.summary["run"]["id"] == ended["id"]
    assert ran.computed == anew(listed(services, previewed)) == anew(listed(services, ended))
    assert ran.outputs == calm_night.outputs
    assert REASON in ran.summary["run"]["note"]
    browser.run(ended["id"], "Artifacts")
    browser.picture("rerun-artifacts")
