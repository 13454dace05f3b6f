"""Prefect's own pages in headless Chromium, and the services behind them."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil

from flows import _server
from flows._settings import NightlyConfig
from tests.flows import nights

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         "--disable-background-networking"]  # fmt: skip
#: milliseconds for a page, seconds for a night and for services, on a busy machine
PAGE_MS, NIGHT, SERVICES = 120_000, 900.0, 400.0


class Services:
    """What `qilin up` started in a store of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        env = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
        env |= {"QILIN_PREFECT_PORT": str(_server.any_free_port()), "QILIN_METRICS_PORT": ""}
        env |= {"QILIN_HOME": str(home), "QILIN_CLUSTER": "threads:2"}
        env["PREFECT_PROFILES_PATH"] = str(home / "profiles.toml")
        self.env = env
        self.url = f"http://127.0.0.1:{env['QILIN_PREFECT_PORT']}"
        self.api = httpx.Client(base_url=f"{self.url}/api", trust_env=False, timeout=60)

    def ask(self, path: str, **body: Any) -> Any:
        answer = self.api.post(path, json=body).raise_for_status()
        return answer.json()

    def runs(self) -> list[dict[str, Any]]:
        """Nights that somebody started, newest first."""
        found = self.ask("/flow_runs/filter", sort="EXPECTED_START_TIME_DESC")
        return [run for run in found if "auto-scheduled" not in run["tags"]]

    def tasks(self, run: str) -> list[dict[str, Any]]:
        found = self.ask("/task_runs/filter", flow_runs={"id": {"any_": [run]}}, limit=200)
        return list(found)

    def processes(self) -> list[psutil.Process]:
        """Every process that works for this store."""
        return [p for p in psutil.process_iter() if _home_of(p) == str(self.home)]

    def ended(self, run: str, look: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """Wait for the end of a run; `look` is called meanwhile."""
        deadline = time.monotonic() + NIGHT
        while time.monotonic() < deadline:
            found = self.api.get(f"/flow_runs/{run}").raise_for_status().json()
            if found["state_type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED"):
                return dict(found)
            look()
            time.sleep(0.5)
        raise AssertionError(f"run {run} is still {found['state_name']}")


def _home_of(process: psutil.Process) -> str:
    try:
        alive = process.status() != psutil.STATUS_ZOMBIE
        return process.environ().get("QILIN_HOME", "") if alive else ""
    except psutil.Error:
        return ""


@contextlib.contextmanager
def up(home: Path) -> Iterator[Services]:
    """`qilin up` in a store, and `qilin down` at the end."""
    services = Services(home)
    ran = nights.run(nights.command("up"), services.env, SERVICES)
    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[0].split() == ["ui", services.url]
    yield services
    services.api.close()
    nights.run(nights.command("down"), services.env)


class Browser:
    """One page, and pictures of it in a folder."""

    def __init__(self, page: Any, url: str, folder: Path) -> None:
        self.page, self.url, self.folder = page, url, folder

    def open(self, path: str) -> None:
        self.page.goto(self.url + path)

    def picture(self, name: str) -> None:
        self.page.screenshot(path=self.folder / f"{name}.png", animations="disabled")

    def press(self, button: str) -> None:
        self.page.get_by_role("button", name=button, exact=True).click()

    def run(self, run: str, tab: str = "Logs") -> None:
        """The page of a flow run, when it has settled."""
        self.open(f"/runs/flow-run/{run}")
        self.page.wait_for_load_state("networkidle")
        wanted = self.page.locator(".p-tab", has_text=tab)
        chosen = self.page.locator(".p-tab__active", has_text=tab)
        while not chosen.count():  # a page that still loads goes back to its first tab
            wanted.click()
            self.page.wait_for_timeout(500)

    def field(self, name: str) -> Any:
        """The box of a setting in the form, found through the titles that people see."""
        place, model, title = self.page.locator("form"), NightlyConfig, "config"
        for part in ("", *name.split(".")):
            if part:
                setting = model.model_fields[part]
                title, model = str(setting.title), setting.annotation
            heading = f'.schema-form-property__label:text-is("{title} (Optional)")'
            place = place.locator(f".schema-form-property:has(> .p-label__header {heading})")
        return place.locator("textarea, input")

    def form(self, deployment: str = "nightly") -> None:
        """From the list of deployments to the form of one of them."""
        self.open("/deployments")
        self.page.get_by_role("link", name=deployment, exact=True).first.click()
        self.page.get_by_role("button", name="Run", exact=True).wait_for()
        self.page.wait_for_load_state("networkidle")
        custom = self.page.get_by_text("Custom run")
        deadline = time.monotonic() + PAGE_MS / 1000
        while not custom.is_visible() and time.monotonic() < deadline:
            self.press("Run")  # a page that is drawn again closes its menu
            self.page.wait_for_timeout(500)
        custom.click()
        self.page.locator(".schema-form-property").first.wait_for()
        self.page.wait_for_load_state("networkidle")

    def parameter(self, name: str) -> Any:
        """A parameter of the form's top, with its label, its meaning and its box."""
        heading = f'.schema-form-property__label:text-is("{name} (Optional)")'
        return self.page.locator(f".schema-form-property:has(> .p-label__header {heading})")

    def choose(self, name: str, option: str) -> None:
        """Choose one of a parameter's values: its list opens by the keyboard, not by a click."""
        self.parameter(name).locator(".p-select-button__control").focus()
        self.page.keyboard.press("Space")
        self.page.locator(".p-select-option").get_by_text(option, exact=True).click()

    def submit(self, services: Services) -> dict[str, Any]:
        """Press Submit, once more if the form still stands there long after; what run comes of it.

        A server that is busy may refuse the form: the page says so and keeps it.
        """
        known = {run["id"] for run in services.runs()}
        button = self.page.get_by_role("button", name="Submit", exact=True)
        for press in range(2):
            if not press or button.is_visible():
                button.click()
            deadline = time.monotonic() + PAGE_MS / 2000
            while time.monotonic() < deadline:
                new = [run for run in services.runs() if run["id"] not in known]
                if new:
                    return new[0]
                self.page.wait_for_timeout(200)
            self.picture(f"not-submitted-{press}")
        said = " | ".join(self.page.locator(".p-toast, .p-message").all_inner_texts())
        raise AssertionError(f"nothing was submitted; {self.folder} has pictures; page: {said!r}")


@contextlib.contextmanager
def opened(url: str, chromium: Path, pictures: Path) -> Iterator[Browser]:
    """One page of a browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        # High enough for everything: what lies below the window's edge is drawn late or never.
        page = started.new_page(viewport={"width": 1280, "height": 1700}, reduced_motion="reduce")
        page.set_default_timeout(PAGE_MS)
        page.set_default_navigation_timeout(PAGE_MS)
        yield Browser(page, url, pictures)
        started.close()
