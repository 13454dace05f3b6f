"""What importing the report costs and hands on."""

from __future__ import annotations

import subprocess
import sys

import tasks.report

HEAVY = ("prefect", "dask", "torch", "cupy", "cudf", "lightgbm", "xgboost", "matplotlib", "numba")


def test_pure_modules_load_nothing_heavy() -> None:
    modules = "html, markdown, terminal, alert, verdict, night"
    code = (
        f"import sys; from tasks.report import {modules}; "
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_public_names_are_all_there() -> None:
    for name in tasks.report.__all__:
        assert getattr(tasks.report, name) is not None
