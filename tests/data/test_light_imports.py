"""Sources, gate and market rules load nothing that they do not use."""

import subprocess
import sys

HEAVY = ("prefect", "dask", "distributed", "torch", "cupy", "cudf", "lightgbm", "xgboost")
MODULES = ("tasks.data", "tasks.data.sources.registry", "tasks.data.gate", "tasks.data.universe",
           "tasks.data.config", "tasks.market.calendar", "tasks.market.symbols")  # fmt: skip


def test_importing_data_and_market_loads_no_heavy_library():
    code = (
        f"import importlib, sys; [importlib.import_module(m) for m in {MODULES}]; "
        f"print([h for h in {(*HEAVY, 'exchange_calendars', 'pyarrow')} if h in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_public_names_are_those_of_their_modules():
    import tasks.data as area
    from tasks.data import gate

    for name in area.__all__:
        assert getattr(area, name).__name__ == name
    assert area.Gated is gate.Gated
    assert sorted(area.__all__) == sorted(area._HOMES)
