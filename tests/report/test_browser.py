"""The page in a real browser, with the network blocked."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no `chromium` on the PATH: apt install chromium"),
]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def files(
    tmp_path_factory: pytest.TempPathFactory, full_page: str, failed_page: str, bare_page: str
) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    for name, page in (("full", full_page), ("failed", failed_page), ("bare", bare_page)):
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
    return folder


class Reader:
    """Opens a page offline and remembers whatever it asked for or complained about."""

    def __init__(self, browser: Any, files: Path) -> None:
        self._browser, self._files = browser, files
        self._contexts: list[Any] = []
        self.faults: list[str] = []

    def open(self, name: str, at: str = "", **options: Any) -> Any:
        options.setdefault("viewport", {"width": 1280, "height": 800})
        context = self._browser.new_context(offline=True, **options)
        self._contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: self.faults.append(f"error {error}"))
        page.on("console", lambda m: self.faults.append(f"console {m.text}"))
        page.on("request", self._note)
        page.goto((self._files / f"{name}.html").as_uri() + at)
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()

    def _note(self, request: Any) -> None:
        if not request.url.startswith(("file:", "data:")):
            self.faults.append(f"request {request.url}")


@pytest.fixture
def reader(browser: Any, files: Path) -> Iterator[Reader]:
    made = Reader(browser, files)
    yield made
    made.close()
    assert made.faults == []


SCREENS = [("full", "", "light"), ("full", "#lang=zh", "dark"), ("failed", "", "light"),
           ("failed", "#lang=zh", "light"), ("bare", "", "light")]  # fmt: skip


@pytest.mark.parametrize(("name", "at", "scheme"), SCREENS)
def test_five_answers_stand_on_the_first_screen(
    reader: Reader, name: str, at: str, scheme: str
) -> None:
    page = reader.open(name, at, color_scheme=scheme)
    for i in range(1, 6):
        box = page.locator(f"#answer-{i}").bounding_box()
        assert box["y"] + box["height"] <= 800
        assert page.locator(f"#answer-{i}").inner_text().strip()
    box = page.locator(".strip").bounding_box()
    assert box["y"] + box["height"] <= 800


@pytest.mark.parametrize(("name", "at"), [("full", ""), ("failed", "#lang=zh")])
def test_a_phone_scrolls_only_down(reader: Reader, name: str, at: str) -> None:
    page = reader.open(name, at, viewport={"width": 390, "height": 844})
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_language_switches_back_and_forth(reader: Reader) -> None:
    page = reader.open("full")
    assert page.locator("#answer-1 h2 .zh").is_hidden()
    page.locator("a.language", has_text="中文").click()
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    assert page.locator("#answer-1 h2 .zh").is_visible()
    assert page.locator("#answer-1 h2 .en").is_hidden()
    page.locator("a.language", has_text="English").click()
    assert page.locator("#answer-1 h2 .en").is_visible()


def test_sorting_keeps_missing_values_last(reader: Reader) -> None:
    page = reader.open("full")
    page.evaluate("document.querySelectorAll('details.part').forEach(d => d.open = true)")
    table = page.locator("#trials-table table")
    head = table.locator("th", has_text="deflated Sharpe")
    for expected in ("descending", "ascending"):
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == expected
        column = head.evaluate("h => h.cellIndex")
        cells = [t.split()[0] for t in table.evaluate(
            "(t, i) => [...t.tBodies[0].rows].map(r => r.cells[i].innerText)", column
        )]  # fmt: skip
        numbers = [float(c) for c in cells if c != "—"]
        assert numbers == sorted(numbers, reverse=expected == "descending")
        assert cells[: len(numbers)] == [c for c in cells if c != "—"]


def test_long_tables_unfold(reader: Reader) -> None:
    page = reader.open("full", "#trials-table")
    rows = page.locator("#trials-table tbody tr:visible")
    assert rows.count() == 20
    page.locator("#trials-table button.all").click()
    assert rows.count() == 45


def test_a_link_to_a_folded_part_unfolds_it(reader: Reader) -> None:
    page = reader.open("full")
    assert not page.locator("#factors-table").is_visible()
    page.locator("nav a[href='#factors']").click()
    page.locator("#factors-table").wait_for(state="visible", timeout=3000)


def test_it_reads_without_scripts(reader: Reader) -> None:
    page = reader.open("full", java_script_enabled=False)
    assert page.locator("#answer-1").is_visible()
    assert page.locator("button.copy").first.is_hidden()
    assert page.locator("#survivors-table tbody tr").count() == 5


@pytest.mark.parametrize(("name", "scheme"), [("full", "dark"), ("failed", "light")])
def test_text_has_enough_contrast(reader: Reader, name: str, scheme: str) -> None:
    page = reader.open(name, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate(CONTRAST) == []


#: every visible text node against the nearest opaque ground behind it
CONTRAST = """
() => {
  const parse = c => (c.match(/[\\d.]+/g) || []).map(Number);
  const light = v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; };
  const lum = c => .2126 * light(c[0]) + .7152 * light(c[1]) + .0722 * light(c[2]);
  const ground = e => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] === 1) return c;
    }
    return [255, 255, 255];
  };
  const bad = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || !e.checkVisibility()) continue;
    if (e.closest("script, style, .sr, .covered .body, svg.chart")) continue;
    const a = lum(parse(getComputedStyle(e).color)), b = lum(ground(e));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) bad.add(`${e.tagName}.${e.className} ${ratio.toFixed(2)}`);
  }
  return [...bad];
}
"""


@pytest.mark.parametrize("width", [390, 1280])
def test_a_tables_caption_fits_into_its_box_however_wide_the_table(
    reader: Reader, width: int
) -> None:
    page = reader.open("full", viewport={"width": width, "height": 800})
    cut = page.evaluate(
        """() => { document.querySelectorAll("details").forEach(d => d.open = true);
        return [...document.querySelectorAll(".scroll caption div")].filter(words =>
            words.getBoundingClientRect().right >
            words.closest(".scroll").getBoundingClientRect().right + 1
        ).map(words => words.innerText) }"""
    )
    assert cut == []
