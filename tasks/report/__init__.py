"""What people see of a night: report, artifacts, closing table, alert.

One contract, many readers; everything below `steps` is a pure function of a `Night`:

* `night`, `trials`, `research` - the contract: run, stages, data health, trials, portfolios,
  factors, model
* `states` - PASS, WARN, FAIL, SKIP, UNKNOWN and which is worse
* `words` - sentences in English and Chinese; `format` - every printed number
* `verdict` - the night's state, its problems, what to do now; `answers` - the five questions
* `blocks`, `sections`, `charts`, `html`, `templates` - the one-file report
* `markdown` - texts and tables of Prefect's artifacts; `terminal` - the closing table;
  `alert` - the pieces of an alert
* `assemble` - from a run's summary and artifacts to its `Night`

`steps` wires them to the night.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tasks.report.html import render
    from tasks.report.night import Missing, Night
    from tasks.report.words import Text

__all__ = ["Missing", "Night", "Text", "render"]

#: public name -> module
_HOMES = {"render": "html", "Night": "night", "Missing": "night", "Text": "words"}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
