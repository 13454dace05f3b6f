"""The leak check as a step: the night's features, and proof that the alarm works."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from tasks._step import Context, Output, step
from tasks.data.panel import Panel
from tasks.data.store import Artifact
from tasks.indicators.config import FeatureConfig
from tasks.indicators.features import technical_features
from tasks.validation import alarms, leaks

#: a leak is in a formula, so a sample of the stocks shows it
STOCKS = 40


@step("features", packages=("numpy", "numba"))
def leak_tests(ctx: Context, panel: Artifact, features: dict[str, Any]) -> Output:
    """Whether any feature changes in the past when the future of the bars does."""
    config = FeatureConfig.model_validate(features).model_copy(update={"dtype": "float64"})
    sample = ctx.store.read_panel(panel, slice(0, min(STOCKS, int(panel.notes["stocks"]))))

    def compute(bars: Panel) -> dict[str, Any]:
        return technical_features(bars.adjusted(), config)

    report = leaks.check(compute, sample)
    planted = alarms.planted_leaks(sample)
    found = {
        "features": {
            "sentence": report.sentence,
            "ok": report.ok,
            "outputs": len(report.names),
            "cuts": list(report.cuts),
            "evaluations": report.evaluations,
            "leaking": sorted({leak.name for leak in report.leaks}),
        },
        "planted": [{**dataclasses.asdict(alarm), "ok": alarm.ok} for alarm in planted],
    }
    files = {"leaks.json": json.dumps(found, sort_keys=True).encode()}
    notes = {"ok": report.ok and all(a.ok for a in planted)}
    return Output("leaks", files, rows=len(report.names), notes=notes)


STEPS = (leak_tests,)
