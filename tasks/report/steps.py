"""The report as a task: from the summary and the artifacts to files and Prefect artifacts.

It is the one task without a key: a report says when and how a run went, so every run writes its
own. Nothing that it writes is an output of the night.
"""

from __future__ import annotations

from typing import Any

from prefect import task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from tasks._step import Clock, Context
from tasks.report import html, markdown, verdict
from tasks.report.assemble.headline import headline
from tasks.report.assemble.night import assemble
from tasks.report.assemble.tables import tables
from tasks.report.words import pick

#: the page that says how the night was computed, beside the report
LINEAGE = "lineage.html"


@task(
    name="report",
    tags=["stage:report"],
    task_run_name="report",
    cache_policy=NO_CACHE,
    persist_result=True,
    result_serializer="json",
)
def write_report(
    ctx: Context, summary: dict[str, Any], previous: dict[str, Any], looks: dict[str, str]
) -> dict[str, Any]:
    """Write `report.html` and its CSV files, and show the night on the run's page.

    Args:
        ctx: where the store is.
        summary: the night's summary so far.
        previous: the summary of the night before, empty if there is none.
        looks: `language`, `up_color`, `ui` (address of the run's page), `expected_day`.

    Returns:
        `state`, `sentence`, `headline`, the whole `night`, `uri` and `bytes` of the report, and in
        `notes` what it took.
    """
    clock = Clock()
    night = assemble(
        summary, previous, ctx.store, expected_day=looks["expected_day"], ui=looks["ui"]
    )
    folder = summary["run"]["folder"]
    link = _previous_link(previous)
    page = html.render(
        night,
        previous=link,
        language=looks["language"],
        up_color=looks["up_color"],
        lineage=LINEAGE,
    )
    ctx.store.note(f"{folder}/report.html", page)
    for name, text in tables(summary, ctx.store).items():
        ctx.store.note(f"{folder}/{name}", text)
    _show(night, ctx.store.path(f"{folder}/report.html"))
    return {
        "state": verdict.state(night),
        "sentence": pick(verdict.sentence(night)),
        "headline": headline(night),
        "night": night.to_json(),
        "uri": f"{folder}/report.html",
        "bytes": len(page.encode()),
        "notes": clock.read(),
    }


def _previous_link(previous: dict[str, Any]) -> str:
    """Address of the previous night's report, relative to this one."""
    if not previous:
        return ""
    folder = str(previous["run"]["folder"])
    return f"../../{folder.removeprefix('runs/')}/report.html"


def _show(night: Any, path: str) -> None:
    for key, text in markdown.documents(night, report=path).items():
        create_markdown_artifact(text.body, key=key, description=text.finding)
    for key, table in markdown.tables(night).items():
        create_table_artifact(table.rows, key=key, description=table.finding)
