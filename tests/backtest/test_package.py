"""The area's map: its names, and that nothing heavy comes with them."""

import subprocess
import sys

import tasks.backtest as area


def test_every_public_name_exists():
    for name in area.__all__:
        assert getattr(area, name).__name__ == name
    assert sorted(area.__all__) == area.__all__
    assert set(area.__all__) == set(area._HOMES)


def test_importing_the_pure_modules_loads_nothing_heavy():
    code = (
        "import sys, tasks.backtest.sweep, tasks.backtest.portfolio, tasks.backtest.engine\n"
        "import tasks.backtest.metrics, tasks.backtest.targets, tasks.market.rules_limits\n"
        "heavy = 'prefect dask torch cupy cudf lightgbm xgboost'.split()\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
