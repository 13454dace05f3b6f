"""From a number of the report back to the artifacts, the code and the bars that it came from."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flows import _names, _report_numbers
from flows._night import ALL_STEPS, code_of_steps
from flows._report_numbers import Named
from tasks import settings
from tasks._step import body_of
from tasks.errors import UserError
from tasks.report.lineage.origins import Link, Number

Json = Mapping[str, Any]

#: step whose artifact a headline number is read from
SOURCE_STEP = {
    "trials": "trials",
    "survivors": "trials",
    "best_sharpe_ratio": "trials",
    "best_of_noise_sharpe_ratio": "trials",
    "trials_since_ledger_began": "trials",
    "effective_trials": "trials",
    "effective_trials_since_ledger_began": "trials",
    "overfitting_probability_ratio": "trials",
    "superior_ability_p_ratio": "trials",
    "vault_openings": "trials",
    "model_rank_ic": "predictions",
    "portfolio_growth_ratio": "portfolio",
    "ranked": "ranking",
}
HASH_DIGITS = 12


def numbers(summary: Json) -> list[Number]:
    """Every headline number of a run with the steps behind it; none where it did not finish."""
    return [
        Number(name, _printed(value), tuple(explain(name, summary)))
        for name, value in summary.get("headline", {}).items()
        if name in SOURCE_STEP and any(b["step"] == SOURCE_STEP[name] for b in summary["blocks"])
    ]


def _printed(value: Any) -> str:
    return "none" if value is None else f"{value:.6g}"


def explain(name: str, summary: Json) -> list[Link]:
    """The steps behind a number of the report, nearest first, bars last.

    Args:
        name: a headline number, such as `model_rank_ic`, or one of `_report_numbers`.
        summary: of the run that the number is from.

    Raises:
        UserError: the run has no such number.
    """
    step = value(name, summary).step
    start = [b for b in summary["blocks"] if b["step"] == step]
    if not start:
        raise _unknown(name, summary)
    return list(_links(summary, _depths(summary, start)))


def value(name: str, summary: Json) -> Named:
    """What a number of the report is; arguments and errors as of `explain`."""
    known = summary.get("headline", {})
    if name in known and name in SOURCE_STEP:
        return Named(name, str(known[name]), SOURCE_STEP[name])
    named = _report_numbers.find(name, summary)
    if named is None:
        raise _unknown(name, summary)
    return named


def _unknown(name: str, summary: Json) -> UserError:
    known = [n for n in summary.get("headline", {}) if n in SOURCE_STEP]
    choose = f"one of {', '.join(known)}, or {_report_numbers.KINDS}" if known else "another run"
    return UserError(
        f"the run of {summary['run']['day']} has no number {name!r} in its report: choose {choose}"
    )


def _depths(summary: Json, start: list[Json]) -> dict[str, int]:
    """Label of every block behind the first ones to its longest distance from them."""
    by_label = {block["label"]: block for block in summary["blocks"]}
    depths = {block["label"]: 0 for block in start}
    queue = list(depths)
    while queue:
        label = queue.pop()
        for before in by_label[label]["after"]:
            if depths.get(before, -1) < depths[label] + 1:
                depths[before] = depths[label] + 1
                queue.append(before)
    return depths


def _links(summary: Json, depths: Mapping[str, int]) -> Iterator[Link]:
    hashes = _hashes(summary)
    places = {made.name: _place(body_of(made)) for made in ALL_STEPS}
    today = code_of_steps()
    steps: dict[str, list[Json]] = {}
    for block in summary["blocks"]:
        if block["label"] in depths:
            steps.setdefault(block["step"], []).append(block)
    then = summary["code"]["steps"]
    for step, blocks in sorted(steps.items(), key=lambda e: depths[e[1][0]["label"]]):
        yield Link(
            step=step,
            place=places.get(step, step),
            blocks=tuple(b["label"] for b in blocks),
            depth=depths[blocks[0]["label"]],
            artifacts=tuple(hashes.get(b["label"], "?")[:HASH_DIGITS] for b in blocks),
            code=str(then.get(step, "?"))[:HASH_DIGITS],
            seconds=sum(float(b["work_seconds"]) for b in blocks),
            moved_on=step in then and then[step] != today.get(step),
        )


def _hashes(summary: Json) -> dict[str, str]:
    """Block label to the content hash of its artifact, as `outputs` names them."""
    names = _names.outputs((b["step"], b["label"]) for b in summary["blocks"])
    return {label: summary["outputs"].get(name, "?") for label, name in names.items()}


def _place(body: Any) -> str:
    file = Path(inspect.getsourcefile(body) or "")
    _, line = inspect.getsourcelines(body)
    return f"{file.relative_to(settings.CHECKOUT)}:{line}"
