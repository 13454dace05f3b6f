"""What every command that runs a night prints: a display meanwhile, and how it ended."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from tasks import settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows._run import Finished

_EXIT_STRICT = 3


def watched(
    run: Callable[[Any], Finished], what: str, silent: bool, flow: str = "nightly"
) -> Finished:
    """Call `run` with a display on the terminal to tell, or with None where it shall be silent."""
    if silent:
        return run(None)
    from flows._cli_display import Display

    display = Display(flow)
    display.starting(what)
    try:
        return run(display)
    finally:
        display.close()


def tell(
    finished: Finished,
    language: str = "",
    *,
    as_json: bool = False,
    quiet: bool = False,
    strict: bool = False,
) -> int:
    """Print how a night ended; the exit code.

    Args:
        finished: how it ended.
        language: of the headline; empty: the night's own.
        as_json: print one JSON value.
        quiet: print only the report's path.
        strict: a night that ends in WARN counts as exit code 3.
    """
    from flows import _cli_display

    state = _cli_display.state_of(finished)
    code = finished.exit_code or (_EXIT_STRICT if strict and state == "WARN" else 0)
    root = settings.home().rstrip("/")
    report = finished.summary.get("report", "")
    if as_json:
        outcome = {
            "state": "QUEUED" if finished.queued else state,
            "exit_code": code,
            "run_id": finished.run_id,
            "name": finished.name,
            "sentence": finished.summary.get("sentence", ""),
            "error": finished.error,
            "skipped": finished.skipped,
            "report": f"{root}/{report}" if report else "",
            "summary": f"{root}/{finished.folder}/summary.json" if finished.summary else "",
            "headline": finished.summary.get("headline", {}),
            "outputs": finished.summary.get("outputs", {}),
        }
        print(json.dumps(outcome, indent=1))
    elif finished.queued:
        print(f"{finished.name} was handed to its worker; follow it with: qilin status")
    elif quiet:
        if report:
            print(f"{root}/{report}")
    elif finished.summary:
        own = finished.summary.get("night", {}).get("run", {}).get("language", "en")
        _cli_display.show_outcome(finished, root, language or own)
    if finished.error:
        print(f"qilin: {finished.error}", file=sys.stderr)
    return code
