"""Stocks that kill who computes on them are found by trying each alone; faulty code is no stock."""

from pathlib import Path

import pytest

from flows._settings import NightlyConfig
from flows._sweeping import Sweeping
from tasks._step import Context, body_of
from tasks.data import steps as data
from tasks.data import userfiles
from tasks.data.config import DataConfig
from tasks.data.store import Artifact
from tasks.errors import NightFailedError
from tasks.validation import steps

pytestmark = pytest.mark.slow  # every trial is a process that loads the kernels

DAY = "2026-06-30"
FACTOR = """
import os

def size(panel):
    if any(symbol in {deadly!r} for symbol in panel.symbols):
        os._exit(5)
    if len(panel.symbols) == 1:
        raise ValueError("a rank needs more than one stock")
    return panel["close"]
"""


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    return Context(str(tmp_path_factory.mktemp("store")), device="cpu")


@pytest.fixture(scope="module")
def panel(context: Context) -> Artifact:
    """Eight stocks of the simulated market."""
    market = {"simulated": {"n_symbols": 8, "start": "2025-09-01"}}
    config = DataConfig.model_validate(market).model_dump(exclude={"path", "family"})
    bars = _kept(context, body_of(data.load_bars)(context, config, "content", DAY))
    advanced = NightlyConfig().advanced
    checked = body_of(data.check_bars)(
        context, bars, DAY, advanced.gate.model_dump(), advanced.universe.model_dump(), 0, []
    )
    return _kept(context, checked)


def _kept(context, output) -> Artifact:
    key = output.kind.ljust(64, "0")
    return context.store.put(output.kind, key, output.files, rows=output.rows, notes=output.notes)


def _isolate(context: Context, panel: Artifact, deadly: tuple[str, ...], folder: Path):
    file = folder / "factor.py"
    file.write_text(FACTOR.format(deadly=deadly))
    advanced = NightlyConfig().advanced
    output = body_of(steps.isolate)(
        context, panel, advanced.features.computed(), [], [],
        userfiles.read(str(file), "factor file"), Sweeping(advanced).some(steps.SETS), None,
    )  # fmt: skip
    return output.notes["deadly"]


def _symbols(context: Context, panel: Artifact) -> tuple[str, ...]:
    return context.store.read_panel(panel).symbols[: panel.notes["stocks"]]


def test_the_deadly_stock_is_named_with_its_death(context, panel, tmp_path) -> None:
    symbol = _symbols(context, panel)[3]
    found = _isolate(context, panel, (symbol,), tmp_path)
    assert found == [[symbol, "ended its process (exit status 5)"]]


def test_code_that_kills_on_every_stock_is_at_fault_itself(context, panel, tmp_path) -> None:
    everyone = _symbols(context, panel)
    with pytest.raises(NightFailedError, match=r"more than 5 stocks kill .* mend the code"):
        _isolate(context, panel, everyone, tmp_path)
