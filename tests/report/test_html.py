"""The page: offline, small, escaped, honest about what is missing, the same bytes every time."""

from __future__ import annotations

import dataclasses
import json
import re
from html.parser import HTMLParser

import pytest

from tasks.errors import UserError
from tasks.report import html
from tasks.report.night import Missing, Night, Provenance
from tasks.report.trials import Trial, Trials
from tasks.report.words import Text

HOSTILE = "<script>alert(1)</script>"


def small(night: Night) -> Night:
    """Without the parts that take long to draw."""
    gone = Missing("left out of this test")
    return dataclasses.replace(night, portfolios=gone, factors=gone, model=gone, ranking=gone)


class Tags(HTMLParser):
    """Every start tag with its attributes, and whether what was opened was closed."""

    VOID = frozenset({"meta", "link", "br", "img", "input", "hr"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.seen if name == tag]


@pytest.fixture(params=["full_page", "failed_page", "bare_page"])
def page(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


def test_loads_nothing_from_anywhere(page: str) -> None:
    tags = Tags(page)
    for tag, attrs in tags.seen:
        for name in ("src", "srcset", "data", "action", "poster"):
            assert name not in attrs, f"<{tag} {name}={attrs.get(name)}>"
    assert [link["href"] for link in tags.all("link")] == ["data:,"]
    style = "".join(re.findall(r"<style>(.*?)</style>", page, re.S))
    assert "@import" not in style
    assert not re.search(r"url\((?!#)", style)
    assert not re.search(r"https?://", page)
    policy = next(m["content"] for m in tags.all("meta") if "http-equiv" in m)
    assert policy is not None
    assert "default-src 'none'" in policy


def test_fits_its_budget(full_page: str) -> None:
    assert len(full_page.encode()) < 1_500_000
    script = re.findall(r"<script>(.*?)</script>", full_page, re.S)
    assert len(script) == 1
    assert len(script[0].encode()) < html.MAX_SCRIPT
    assert full_page.count('<svg viewBox="') <= 24


@pytest.mark.slow
def test_the_fullest_page_has_at_most_24_charts(full: Night) -> None:
    assert isinstance(full.trials, Trials)
    assert isinstance(full.portfolios, tuple)
    night = dataclasses.replace(
        full,
        trials=dataclasses.replace(full.trials, maps=full.trials.maps * 5),
        portfolios=full.portfolios * 6,
    )
    page = html.render(night)
    assert page.count('<svg viewBox="') == 24
    assert len(page.encode()) < 1_500_000


def test_every_tag_is_closed_and_every_id_is_unique(page: str) -> None:
    tags = Tags(page)
    assert not tags.open
    ids = [attrs["id"] for _, attrs in tags.seen if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = {str(a["href"])[1:] for a in tags.all("a") if str(a["href"]).startswith("#")}
    assert targets - {"lang=en", "lang=zh"} <= set(ids)


def test_headers_have_scope_and_buttons_a_sort_state(page: str) -> None:
    tags = Tags(page)
    for attrs in tags.all("th"):
        assert attrs.get("scope") in ("col", "row")
        if attrs["scope"] == "col":
            assert attrs["aria-sort"] == "none"


def test_every_picture_has_title_and_description(full_page: str) -> None:
    pictures = re.findall(r"<svg.*?</svg>", full_page, re.S)
    assert len(pictures) >= 12
    for picture in pictures:
        name = re.search(r'aria-labelledby="(\S+)-t', picture)
        assert name is not None
        assert re.search(rf'<title id="{name.group(1)}-t">[^<]+</title>', picture)
        assert re.search(rf'<desc id="{name.group(1)}-d">[^<]+</desc>', picture)
        assert "font-family" not in picture
        assert "<style" not in picture


def test_all_sections_stand_in_order(full_page: str) -> None:
    letters = re.findall(r'<section id="\w+".*?<h2><b>(\w)</b>', full_page, re.S)
    assert "".join(letters) == "BCDEFGHIJKL"


def test_failed_health_and_leaks_come_first_and_cover_results(failed_page: str) -> None:
    letters = re.findall(r'class="lettered.*?<h2><b>(\w)</b>', failed_page, re.S)
    assert "".join(letters) == "HIBCDEFGJKL"
    assert len(re.findall(r'class="lettered FAIL covered"', failed_page)) == 2
    assert "Do not use: a leak test failed" in failed_page
    assert "backtest 004/020 trials 0186-0247" in failed_page.split('id="answer-2"')[0]


def test_passing_sections_are_folded_and_others_open(full_page: str) -> None:
    folded = dict(
        re.findall(
            r'<section id="(\w+)" class="lettered \w+">\s*<details class="part"(.*?)>', full_page
        )
    )
    assert folded["factors"] == ""
    assert folded["health"].strip() == "open"


def test_missing_parts_say_why_and_are_no_zeros(bare_page: str) -> None:
    assert "this part has not run" in bare_page
    assert "0 of 0" not in bare_page.split("<style>")[0] + bare_page.split("</style>")[1]
    for zero in (">0<", ">0.00<", ">0 %<"):
        assert zero not in bare_page


def test_each_kind_of_missing_is_said_in_its_own_words(full: Night) -> None:
    page = html.render(
        dataclasses.replace(
            small(full),
            model=Missing("training failed on fold 3", "FAIL"),
            ranking=Missing("no model to rank with", "UNKNOWN"),
        )
    )
    assert "Model not trained: training failed on fold 3" in page
    assert "no model to rank with" in page
    assert "<title>FAIL" in page


def test_counts_add_up_to_n(full: Night, full_page: str) -> None:
    assert isinstance(full.trials, Trials)
    assert "2 survive + 3 candidates + 1,175 rejected + 60 not scored = 1,240 trials" in full_page
    assert full.trials.tried == 1240
    assert full.trials.scored == 1180


def test_counts_that_cannot_be_true_are_refused(full: Night) -> None:
    assert isinstance(full.trials, Trials)
    with pytest.raises(UserError, match="listed as SURVIVES"):
        dataclasses.replace(full.trials, counts={"SURVIVES": 1, "CANDIDATE": 3, "REJECTED": 40})
    with pytest.raises(UserError, match="add up to 60"):
        dataclasses.replace(full.trials, counts={**full.trials.counts, "EXCLUDED": 61})


def test_hostile_names_are_escaped_everywhere(full: Night) -> None:
    assert isinstance(full.trials, Trials)
    trial = dataclasses.replace(full.trials.rows[0], name=HOSTILE, change=HOSTILE)
    night = dataclasses.replace(
        small(full),
        run=dataclasses.replace(full.run, name=f'"{HOSTILE}', source=HOSTILE),
        trials=dataclasses.replace(full.trials, rows=(trial, *full.trials.rows[1:])),
    )
    page = html.render(night)
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page
    assert Tags(page).open == []
    assert len(Tags(page).all("script")) == 2


def test_private_things_are_left_out(full: Night) -> None:
    note = "cannot read /home/alice/data.parquet with token=abc123 at https://bob:pw@example.org/x"
    stage = dataclasses.replace(full.stages[0], state="WARN", note=note)
    night = dataclasses.replace(small(full), stages=(stage, *full.stages[1:]))
    page = html.render(night)
    for secret in ("alice", "abc123", "bob:pw"):
        assert secret not in page
    assert "~/data.parquet" in page


def test_equal_nights_give_equal_bytes(full: Night, full_page: str) -> None:
    again = html.render(Night.from_json(full.to_json()), "../../2026-11-19/full-01/report.html")
    assert again == full_page


def test_nights_survive_json(full: Night, failed: Night, bare: Night) -> None:
    for night in (full, failed, bare):
        text = json.dumps(night.to_json(), allow_nan=False)
        assert Night.from_json(json.loads(text)) == night


def test_the_record_inside_the_page_is_json(full: Night, full_page: str) -> None:
    found = re.search(
        r'<script type="application/json" id="record">(.*?)</script>', full_page, re.S
    )
    assert found is not None
    record = json.loads(found.group(1))
    assert record["run"]["snapshot"] == full.run.snapshot
    assert record["numbers_sha256"] == full.provenance.hashes["numbers"]


def test_the_report_has_one_hash_of_its_numbers_whatever_the_run(full: Night) -> None:
    again = dataclasses.replace(small(full), run=dataclasses.replace(full.run, seconds=1.0))
    for night in (small(full), again):
        page = html.render(night)
        foot = re.findall(r"<code>([0-9a-f]{12})</code>", page.split("<footer>")[1])
        assert foot == [full.provenance.hashes["numbers"][:12]]
        assert full.provenance.hashes["numbers"] in page.split('id="provenance"')[1]


def test_a_cost_below_zero_beside_a_good_sharpe_is_explained(full: Night) -> None:
    note = "dies at cost: of its own return, not that over the universe"
    assert isinstance(full.trials, Trials)
    over = dataclasses.replace(full.trials, over=Text("the universe", "全体"))
    assert note in html.render(dataclasses.replace(small(full), trials=over))
    assert note not in html.render(small(full))


def test_a_simulated_night_is_labelled_wherever_it_shows(full: Night, full_page: str) -> None:
    assert "simulated data</title>" in full_page
    assert "Simulated market: no number here is of a real market" in full_page
    assert full_page.count("simulated data") > 15
    real = html.render(
        dataclasses.replace(
            small(full), run=dataclasses.replace(full.run, simulated=False, source="qlib")
        )
    )
    assert "Simulated market" not in real


def test_up_colour_touches_only_gains_and_losses(bare: Night) -> None:
    def colours(up: str) -> dict[str, str]:
        page = html.render(bare, up_color=up)
        assert f"report.up_color = {up}" in page
        rule = re.search(r":root\{ (.*?)\}", page)
        assert rule is not None
        return dict(pair.split(":") for pair in rule.group(1).replace(" ", "").split(";") if pair)

    neutral, red = colours("neutral"), colours("red_up")
    assert {k for k in neutral if neutral[k] != red[k]} == {"--up", "--down"}
    assert red["--up"] == "#c62828"


@pytest.mark.parametrize(("setting", "value"), [("language", "fr"), ("up_color", "blue")])
def test_unknown_settings_are_refused(bare: Night, setting: str, value: str) -> None:
    with pytest.raises(UserError, match=setting):
        html.render(bare, **{setting: value})


def test_both_languages_are_inside_and_either_comes_first(bare: Night) -> None:
    english, chinese = html.render(bare), html.render(bare, language="zh")
    assert '<html lang="en"' in english
    assert '<html lang="zh-CN"' in chinese
    for page in (english, chinese):
        assert "Can I trust this night?" in page
        assert "这次运行可信吗？" in page


def test_nothing_survives_is_a_result_and_shows_the_nearest(full: Night) -> None:
    assert isinstance(full.trials, Trials)
    rows: tuple[Trial, ...] = tuple(
        dataclasses.replace(row, state="REJECTED", q=0.41 + 0.01 * i)
        for i, row in enumerate(full.trials.rows)
    )
    trials = dataclasses.replace(full.trials, rows=rows, counts={"REJECTED": 1180, "EXCLUDED": 60})
    page = html.render(dataclasses.replace(small(full), trials=trials, portfolios=()))
    assert "No trial survives of 1,240; best q = 0.41" in page
    assert "No trial survived, so no portfolio is shown" in page


def test_no_trial_scored_points_to_the_run(full: Night) -> None:
    assert isinstance(full.trials, Trials)
    trials = dataclasses.replace(
        full.trials, rows=(), counts={"EXCLUDED": 60}, best=None, noise_best=None, histogram=None
    )
    page = html.render(dataclasses.replace(small(full), trials=trials, portfolios=()))
    assert "No trials scored: all 60 failed, see J" in page


def test_the_resume_certificate_says_what_was_survived_and_checked(full: Night) -> None:
    night = small(full)
    page = html.render(night)
    assert "Attempts before this one: 1 killed, 1 ended Failed. 31 blocks were taken over" in page
    for said in ("hashes hold", "0c0f27de-5a3a-4f3c-9d52-6f6ad2a3b7b1", "断点续跑证明",
                 "backtest 07/20 trials 0300-0349", "31 artifacts"):  # fmt: skip
        assert said in page
    assert isinstance(night.provenance, Provenance)
    assert night.provenance.survival is not None
    calm = dataclasses.replace(night.provenance, survival=None)
    assert "Resume certificate" not in html.render(dataclasses.replace(night, provenance=calm))
    hurt = dataclasses.replace(night.provenance.survival, damaged=("features",))
    worse = dataclasses.replace(night.provenance, survival=hurt)
    page = html.render(dataclasses.replace(night, provenance=worse))
    assert "DAMAGED" in page
    assert "hashes hold" not in page
