"""An edited kernel or step gives the new number: no stale compiled code, ever."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tasks

PROGRAM = """
import numpy as np
from tasks.arrays import compiling
from tasks.indicators.technical import rsi, sma
print(sma(np.arange(5.0), 2)[-1], compiling.CACHE_FOLDER.name)
"""

STEP_MODULE = '''
"""A step in one module..."""
from tasks.arrays.compiling import step

@step
def add(x):
    return x + 1.0
'''
KERNEL_MODULE = '''
"""... called by a kernel in another."""
from tasks.arrays.compiling import kernel
from tasks.elsewhere import add

@kernel
def total(n):
    s = 0.0
    for _ in range(n):
        s = add(s)
    return s
'''


def run(root: Path, program: str, home: Path | None = None) -> list[str]:
    folder = str(home or root / "home")
    environment = {**os.environ, "PYTHONPATH": str(root), "QILIN_HOME": folder}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_an_edited_step_in_another_module_gives_the_new_number(tmp_path):
    source = Path(tasks.__file__).parent
    (tmp_path / "tasks" / "arrays").mkdir(parents=True)
    for name in ("__init__.py", "settings.py", "errors.py"):
        shutil.copy(source / name, tmp_path / "tasks" / name)
    for path in (source / "arrays").glob("*.py"):
        shutil.copy(path, tmp_path / "tasks" / "arrays" / path.name)
    (tmp_path / "tasks" / "elsewhere.py").write_text(STEP_MODULE)
    (tmp_path / "tasks" / "sums.py").write_text(KERNEL_MODULE)
    program = "from tasks.sums import total; print(total(10))"
    assert run(tmp_path, program) == ["10.0"]
    assert run(tmp_path, program) == ["10.0"]  # from the cache
    assert list((tmp_path / "home" / "cache" / "numba").glob("*/*"))
    edited = STEP_MODULE.replace("1.0", "2.0")
    (tmp_path / "tasks" / "elsewhere.py").write_text(edited)
    assert run(tmp_path, program) == ["20.0"]


@pytest.mark.slow
def test_an_edited_kernel_of_the_indicators_gives_the_new_number(tmp_path):
    source = Path(tasks.__file__).parent
    shutil.copytree(source, tmp_path / "tasks", ignore=shutil.ignore_patterns("__pycache__"))
    number, folder = run(tmp_path, PROGRAM)
    assert number == "3.5"
    averages = tmp_path / "tasks" / "indicators" / "kernels" / "averages.py"
    averages.write_text(averages.read_text().replace("out[t, j] = total / n", "out[t, j] = total"))
    edited, other = run(tmp_path, PROGRAM)
    assert edited == "7.0"
    assert other != folder


def test_importing_kernels_loads_no_heavy_library(tmp_path):
    program = """
import sys
import tasks.indicators.technical, tasks.indicators.features, tasks.indicators.processor
import tasks.arrays
heavy = ("prefect", "dask", "distributed", "torch", "cupy", "cudf", "lightgbm", "xgboost", "pandas")
print(*[name for name in heavy if name in sys.modules])
"""
    assert run(Path(tasks.__file__).parents[1], program, tmp_path) == []


def test_lane_kernels_are_compiled_for_memory_of_their_own():
    from tasks.indicators.kernels.windows import sums

    x = np.ones((4, 3))
    sums.window_sum(x, 2, sums.SUM, np.empty_like(x), np.empty((8, 3)))
    assert all(made.fndesc.noalias for made in sums.window_sum.overloads.values())
