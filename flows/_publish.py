"""The end of a night: report, summary, and the pointers that lead people to them."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flows import _history, _lives, _summary, _turns
from tasks.market import calendar
from tasks.report.steps import LINEAGE, write_report

if TYPE_CHECKING:
    from flows._board import Block
    from flows._night import Night
    from flows._settings import NightlyConfig
    from tasks.data.store import Store

Json = dict[str, Any]


def publish(night: Night) -> Json:
    """Write report and summary. The summary is written even where the report fails."""
    survived = _survived(night)
    summary = {**_summary.build(night), "survived": survived}
    config = night.config
    previous = previous_summary(night.store, night.day, config)
    block = night.board.submit(
        "report",
        write_report,
        f"report {night.day}",
        after=[b for b in night.board.blocks if b.result],
        summary=summary,
        previous=previous,
        looks={
            "language": config.language,
            "up_color": config.advanced.report.up_color,
            "ui": _ui_link(night.run_id),
            "expected_day": night.expected_day,
        },
    )
    written = night.board.collect([block])
    final = {**_summary.build(night), "survived": survived}
    if written is None:
        sentence = f"incomplete: {night.board.failures[-1].sentence}"
        final |= {"state": "FAIL", "sentence": sentence, "report": "", "headline": {}}
    else:
        final |= {k: written[0][k] for k in ("state", "sentence", "headline", "night")}
        final["report"] = written[0]["uri"]
        final["night"]["stages"].append(_report_stage(block, written[0]["bytes"]))
        final["night"]["run"]["seconds"] = final["run"]["seconds"]
    final["metrics"] = _metrics(final, night.expected_day)
    night.store.note(f"{night.folder}/summary.json", json.dumps(final, indent=1))
    night.store.note(f"{night.folder}/{LINEAGE}", _lineage_page(final, config))
    _point_latest(night.store, final)
    return {k: final[k] for k in ("state", "sentence", "report", "outputs", "counts", "timing")}


def _lineage_page(summary: Json, config: NightlyConfig) -> str:
    """The page that says how the night was computed."""
    from flows import _lineage  # it knows the night's steps, and the night knows this module
    from tasks.report.lineage import page

    looks = {"language": config.language, "up_color": config.advanced.report.up_color}
    return page.render(summary, _lineage.numbers(summary), **looks)


def _survived(night: Night) -> Json:
    """The night's resume certificate; see `_lives`."""
    name = _turns.night_name(night.config, night.day)
    return _lives.certificate(night.store, name, night.board)


def _report_stage(block: Block, size: int) -> Json:
    """The report's own row in the table of stages, which the report could not know yet."""
    return {
        "name": "report",
        "state": "PASS",
        "done": f"{size / 2**20:.1f} MB",
        "seconds": round(block.ended - block.submitted, 1),
    }


def previous_summary(store: Store, day: str, config: NightlyConfig) -> Json:
    """Summary of the newest earlier night that can be compared: of the same size and source.

    Of several runs of its day, the last with the same settings, else the last to finish: a trial of
    other settings in between changes nothing.
    """
    settings = _summary.settings_hash(config.model_dump(mode="json"))
    for earlier in reversed([d for d in _history.days(store) if d < day]):
        like = [s for s in _history.summaries(store, earlier) if _is_like(s, config)]
        same = [s for s in like if s["inputs"]["settings"] == settings]
        if like:
            return (same or like)[-1]
    return {}


def _is_like(summary: Json, config: NightlyConfig) -> bool:
    """Whether a run finished a night of this size on this source."""
    run = summary["run"]
    same = (run["size"], run["source"]) == (config.size, config.data.source)
    return same and summary.get("state") != "FAIL"


def stage_times(store: Store, day: str, config: NightlyConfig) -> dict[str, float]:
    """Seconds that each stage took in the night before, for the progress display."""
    stages = previous_summary(store, day, config).get("stages", [])
    return {s["name"]: float(s["seconds"]) for s in stages if s["seconds"]}


def _metrics(summary: Json, expected_day: str) -> Json:
    """Gauges that the hooks push, by their Prometheus names."""
    counts, timing = summary["counts"], summary["timing"]
    gauges = {
        "quant_flow_blocks_computed": counts["computed"],
        "quant_flow_blocks_cached": counts["cached"],
        "quant_flow_blocks_failed": counts["failed"],
        "quant_flow_work_seconds": timing["work_seconds"],
        "quant_flow_gpu_fallbacks": sum(
            stage.get("device", {}).get("fallbacks", 0) for stage in summary["stages"]
        ),
    }
    panel = summary["parts"].get("panel")
    if panel:
        notes = panel["notes"]
        last = dt.datetime.fromisoformat(notes["last_day"]).replace(tzinfo=_summary.ZONE)
        gauges |= {
            "quant_data_last_bar_timestamp_seconds": last.timestamp(),
            "quant_data_sessions_behind": _sessions_behind(notes["last_day"], expected_day),
            "quant_data_rows_quarantined": notes["quarantined_rows"],
            "quant_data_symbols": notes["stocks"],
        }
    for name, value in summary.get("headline", {}).items():
        if isinstance(value, (int, float)):
            gauges[f"quant_night_{name}"] = value
    return gauges


def _sessions_behind(last_day: str, expected_day: str) -> int:
    """Sessions that the data lacks at its end; 0 where it is up to date."""
    if last_day >= expected_day:
        return 0
    return int((calendar.sessions(last_day, expected_day) > np.datetime64(last_day)).sum())


def _point_latest(store: Store, summary: Json) -> None:
    """`runs/latest` leads to the newest night: a link where the store is local, else a file.

    A night that was made up for, of an older day, is not the newest.
    """
    folder, newest = summary["run"]["folder"], _history.latest(store)
    if not folder.startswith("runs/") or (newest and newest["run"]["day"] > summary["run"]["day"]):
        return
    if not store.is_local:
        store.note("runs/latest.json", json.dumps({"folder": folder}))
        return
    link = Path(store.path("runs/latest"))
    fresh = link.with_name(f".latest-{folder.rsplit('/', 1)[-1]}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(folder.removeprefix("runs/"))
    fresh.replace(link)


def _ui_link(run_id: str) -> str:
    from prefect.settings import PREFECT_UI_URL

    base = PREFECT_UI_URL.value()
    return f"{base}/runs/flow-run/{run_id}" if base else ""
