"""The page that says how a night was computed: its graph, its time, its words."""

import itertools
from typing import Any
from xml.etree import ElementTree

import pytest

from tasks.report.lineage import drawing, graph, layout, page
from tasks.report.lineage.origins import Link, Number


def block(label: str, step: str, *after: str, **more: Any) -> dict[str, Any]:
    """A computed block of two seconds on worker 0."""
    return {
        "label": label, "step": step, "stage": "train", "after": list(after), "state": "computed",
        "work_seconds": 2.0, "start": 0.0, "end": 3.0, "began": 0.5, "worker": "0",
        "key": "k" * 64, **more,
    }  # fmt: skip


NIGHT = [
    block("bars", "load_bars", stage="load"),
    block("features 1", "features_block", "bars", began=2.5),
    block("features 2", "features_block", "bars", work_seconds=5.0, began=3.0, worker="1"),
    block("dataset", "dataset", "bars", "features 1", "features 2", state="cached", worker="",
          began=None),
    block("scores", "scores", "dataset", state="failed", worker="", began=None),
    block("sweep", "sweep_block", "bars", began=6.0, work_seconds=1.0),
]  # fmt: skip


def test_blocks_become_steps_with_counts_and_without_arrows_that_say_nothing_new() -> None:
    found = {step.name: step for step in graph.steps(NIGHT)}
    features = found["features_block"]
    assert (features.blocks, features.computed, features.seconds) == (2, 2, 7.0)
    assert found["dataset"].after == ("features_block",), "bars are behind the features anyway"
    assert (found["dataset"].cached, found["dataset"].seconds) == (1, 0.0)
    assert found["scores"].failed == 1
    assert [step.level for step in found.values()] == [0, 1, 2, 3, 1]


def test_the_longest_chain_is_that_of_the_work_done() -> None:
    assert graph.longest_chain(NIGHT) == ["bars", "features 2"]
    assert {s.name for s in graph.steps(NIGHT) if s.critical} == {"load_bars", "features_block"}
    assert graph.longest_chain([]) == []


def test_batches_that_wait_for_each_other_are_drawn_forward() -> None:
    """A search asks, scores, asks again: its two steps wait for each other in turn."""
    found = graph.steps(
        [block("ask 1", "ask"), block("score 1", "score", "ask 1"),
         block("ask 2", "ask", "score 1"), block("score 2", "score", "ask 2")]
    )  # fmt: skip
    for step in found:
        levels = {s.name: s.level for s in found}
        assert all(levels[before] < step.level for before in step.after)
    assert "ask" in drawing.graph(found)


def test_a_block_without_a_worker_shows_from_submission_to_its_end() -> None:
    (span,) = [s for s in graph.spans(NIGHT) if s.label == "dataset"]
    assert (span.lane, span.start, span.seconds) == ("", 0.0, 3.0)


@pytest.mark.parametrize("seconds", [0.4, 3.0, 61.0, 500.0, 9_000.0, 400_000.0])
def test_the_time_axis_has_a_handful_of_round_marks(seconds: float) -> None:
    marks = drawing.round_times(seconds)
    assert marks[0] == 0.0
    assert marks[-1] <= seconds
    assert 1 <= len(marks) <= 8


def test_drawings_are_xml_with_a_title_and_nothing_runs_over_the_edge() -> None:
    for picture in (drawing.graph(graph.steps(NIGHT)), drawing.timeline(graph.spans(NIGHT), 9.0)):
        root = ElementTree.fromstring(picture)
        _, _, width, height = (float(v) for v in root.attrib["viewBox"].split())
        assert root.find("title") is not None
        for box in root.iter("rect"):
            assert 0 <= float(box.attrib["x"]) <= width - float(box.attrib["width"])
            assert 0 <= float(box.attrib["y"]) <= height - float(box.attrib["height"])


LONG = [
    block("bars", "bars"), block("check", "check", "bars"), block("leaks", "leaks", "bars"),
    block("features", "features", "check"), block("sweep", "sweep", "check", "leaks"),
    block("dataset", "dataset", "features", "leaks"), block("factors", "factors", "features"),
    block("trials", "trials", "sweep"), block("fold", "fold", "dataset"),
    block("ranking", "ranking", "dataset"), block("scores", "scores", "fold"),
    block("portfolio", "portfolio", "scores"),
    block("report", "report", "portfolio", "ranking", "factors", "trials", "sweep"),
]  # fmt: skip


@pytest.mark.parametrize("more", [0, 9])
def test_no_arrow_runs_behind_a_box(more: int) -> None:
    extra = [block(f"side {i}", f"side {i}", "check") for i in range(more)]
    steps = graph.steps([*LONG, *extra])
    placed, level = layout.layout(steps), {s.name: s.level for s in steps}
    passed = 0
    for (first, last), lanes in placed.lanes.items():
        assert len(lanes) == level[last] - level[first] - 1
        for row, x in enumerate(lanes, start=level[first] + 1):
            for name in (n for n in level if level[n] == row):
                left = placed.boxes[name]
                assert not left - 2 < x < left + placed.width + 2, f"{first} to {last} at {name}"
                passed += 1
    assert passed > 5
    for row in set(level.values()):
        edges = sorted(placed.boxes[n] for n in level if level[n] == row)
        assert edges[0] >= 0
        assert edges[-1] + placed.width <= layout.WIDTH
        assert all(b - a >= placed.width for a, b in itertools.pairwise(edges)), "boxes overlap"


def test_arrows_at_a_box_do_not_share_their_end() -> None:
    placed = layout.layout(graph.steps(LONG))
    into = [end for (_, last), (_, end) in placed.ports.items() if last == "report"]
    assert len({round(x) for x in into}) == len(into) == 4
    left = placed.boxes["report"]
    assert all(left < x < left + placed.width for x in into)


SUMMARY = {
    "run": {"day": "2026-11-20", "size": "full", "simulated": True, "id": "an-id"},
    "state": "FAIL",
    "sentence": "1 block <failed>",
    "blocks": NIGHT,
    "counts": {"blocks": 6, "computed": 4, "cached": 1, "failed": 1, "begun_twice": 0},
    "timing": {"wall_seconds": 9.0, "work_seconds": 10.0, "critical_path_seconds": 7.0},
    "machine": {"cores": "2"},
    "inputs": {"data": "d" * 64, "ledger": ""},
    "command": "qilin nightly --data-date 2026-11-20",
}
WAY = Link("fold", "tasks/models/steps.py:64", ("fold 1",), 1, ("abc",), "def", 2.0)


def test_the_page_holds_graph_time_numbers_and_inputs() -> None:
    text = page.render(SUMMARY, [Number("model_rank_ic", "0.05", (WAY,))])
    assert text == page.render(SUMMARY, [Number("model_rank_ic", "0.05", (WAY,))])
    assert text.count("<svg") == 2
    for words in ("&lt;failed&gt;", 'id="model_rank_ic"', "tasks/models/steps.py:64",
                  "qilin explain model_rank_ic an-id", "features block", 'href="report.html"',
                  "beyond the longest chain", "dddddddddddd", "qilin nightly --data"):  # fmt: skip
        assert words in text, words
    assert "http:" not in text.replace("http://www.w3.org", "")
    assert "&lt;span" not in text


def test_a_night_that_found_everything_or_got_nowhere_still_has_its_page() -> None:
    for blocks in ([], [block("bars", "load_bars", state="cached", worker="", began=None)]):
        text = page.render({**SUMMARY, "blocks": blocks}, [])
        assert "No worker computed a block" in text
        assert "did not get as far" in text
