"""Artifacts, closing table and alert: the same facts in other places."""

from __future__ import annotations

import dataclasses
import io

import pytest
from rich.cells import cell_len

from tasks.report import alert, markdown, terminal
from tasks.report.night import Night
from tasks.report.words import Text, join, pick, say, scrub

NIGHTS = ["full", "failed", "bare"]


@pytest.fixture(params=NIGHTS)
def night(request: pytest.FixtureRequest) -> Night:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Night)
    return found


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_summary_has_at_most_thirty_lines(night: Night, language: str) -> None:
    text = markdown.summary(night, language, report="runs/latest/report.html")  # type: ignore[arg-type]
    lines = text.splitlines()
    assert len(lines) <= markdown.MOST_LINES
    assert lines[-1].endswith("`runs/latest/report.html`")


def test_the_summary_names_state_failed_block_and_command(failed: Night) -> None:
    text = markdown.summary(failed)
    assert text.startswith("## ✕ FAIL")
    assert "simulated data" in text.splitlines()[0]
    assert "failed: backtest 004/020 trials 0186-0247" in text
    assert "`qilin retry full-01`" in text


def test_every_artifact_has_a_finding(night: Night) -> None:
    documents, tables = markdown.documents(night), markdown.tables(night)
    assert set(documents) == {"nightly-summary", "nightly-provenance"}
    assert set(tables) == {"nightly-survivors", "nightly-data-health"}
    assert set(markdown.documents(night, report="/r/report.html")) - set(documents) == {
        "nightly-report"
    }
    assert all(d.finding and d.body for d in documents.values())
    for table in tables.values():
        assert table.finding
        assert 1 <= len(table.rows) <= markdown.MOST_ROWS
        assert all(isinstance(v, str) for row in table.rows for v in row.values())


def test_the_report_is_a_link_and_a_file_also_an_address_to_copy(night: Night) -> None:
    on_web = markdown.report_link(night, "https://reports.example/report.html")
    assert on_web == f"[Report {night.run.day}](https://reports.example/report.html)"
    on_disk = markdown.report_link(night, "/a b/report.html")
    assert "](<file:///a b/report.html>)" in on_disk
    assert "`file:///a b/report.html`" in on_disk
    assert "copy the address" in on_disk


def test_markdown_shows_names_as_they_are(full: Night) -> None:
    stage = dataclasses.replace(full.stages[0], note="a|b <b>*x*</b> `y`\nnext")
    text = markdown.summary(dataclasses.replace(full, stages=(stage, *full.stages[1:])))
    assert r"a\|b \<b\>\*x\*\</b\> \`y\` next" in text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_closing_table_fits_eighty_columns(night: Night, language: str) -> None:
    text = terminal.closing(night, language=language)  # type: ignore[arg-type]
    assert max(cell_len(line) for line in text.splitlines()) <= 80


def test_the_closing_table_ends_with_the_path(full: Night) -> None:
    lines = terminal.closing(full, report="runs/2026-11-20/full-01/report.html").splitlines()
    assert lines[0].startswith("WARN  nightly 2026-11-20 full    38 min 12 s")
    assert lines[1].split() == ["stage", "state", "done", "time", "note"]
    assert lines[-1] == "report: runs/2026-11-20/full-01/report.html"
    assert any("CPU used, GPU asked: no CUDA" in line for line in lines)
    assert any("2 of 1,240 survive (FDR 10 %)" in line for line in lines)


def test_ascii_terminals_get_ascii(night: Night) -> None:
    text = terminal.closing(night, language="zh", ascii_only=True)
    assert text.isascii()
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "?" not in text


def test_colours_only_on_request(full: Night) -> None:
    plain, coloured = terminal.closing(full), terminal.closing(full, color=True)
    assert "\x1b" not in plain
    assert "\x1b" in coloured
    import re

    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain


def test_no_color_wins() -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    assert terminal.wants_color(Screen(), {})
    assert not terminal.wants_color(Screen(), {"NO_COLOR": "1"})
    assert not terminal.wants_color(io.StringIO(), {})


def test_ascii_is_needed_where_the_encoding_lacks_signs() -> None:
    plain = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    full = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    assert terminal.needs_ascii(plain, {})
    assert not terminal.needs_ascii(full, {})
    assert terminal.needs_ascii(full, {"LC_ALL": "C", "LANG": "en_GB.UTF-8"})
    assert not terminal.needs_ascii(full, {"LC_ALL": "", "LANG": "C.UTF-8"})


def test_an_alert_says_what_effect_and_what_to_do(failed: Night) -> None:
    found = alert.alert(failed)
    assert found is not None
    assert found.state == "FAIL"
    assert found.what == "Nightly 2026-11-20: 1 of 20 backtest blocks failed"
    assert len(f"[FAIL] {found.what}") <= 80
    assert "60 of 1,240 trials not scored" in found.how_bad
    assert found.effect.startswith("Do not use")
    assert "qilin retry full-01" in found.do
    assert found.since.endswith("+08:00")


def test_words_join_and_fill_each_language() -> None:
    assert pick(join(["a", "b", "c"], last=True)) == "a, b and c"
    assert pick(join(["a", "b", "c"], last=True), "zh") == "a、b和c"
    assert say("{n} {w}", "{w} {n}", n="1", w=Text("cat", "猫")) == Text("1 cat", "猫 1")


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("/home/alice/x.py failed", "~/x.py failed"),
        ("see /root/.qilin/a", "see ~/.qilin/a"),
        ("/Users/bob: no", "~: no"),
        ("api_key=s3cr3t used", "api_key=… used"),
        ("http://u:p@host/x", "http://…@host/x"),
        ("a\u202eb\x00c", "abc"),
        ("/rooted stays", "/rooted stays"),
        ("/data/home/runs/a stays", "/data/home/runs/a stays"),
        ("file:///home/alice/a", "file://~/a"),
    ],
)
def test_private_things_are_scrubbed(text: str, clean: str) -> None:
    assert scrub(text) == clean
