"""A stock that kills every worker it meets is set aside by name; the night ends with the others."""

from pathlib import Path

import pytest

from tasks.data.store import Artifact, Store
from tests.chaos.site import Site
from tests.flows import nights

pytestmark = pytest.mark.chaos

#: a factor that no process survives for one stock
POISON = """
import os

def size(panel):
    if {symbol!r} in panel.symbols:
        os.kill(os.getpid(), 9)
    return panel["close"] * panel["volume"]
"""


@pytest.fixture(scope="module")
def symbol(calm: nights.Ran) -> str:
    """Some stock of the market."""
    panel = Artifact.from_json(calm.summary["parts"]["panel"])
    return str(Store(str(calm.home)).read_panel(panel).symbols[7])


def test_a_deadly_stock_is_named_and_the_others_finish(
    symbol: str, calm: nights.Ran, site: Site, tmp_path: Path
) -> None:
    factor = tmp_path / "poison.py"
    factor.write_text(POISON.format(symbol=symbol))
    home = nights.new_home(tmp_path / "home")
    env = {**site.environment(home), "QILIN_CLUSTER": "processes:2"}
    words = nights.nightly(f"advanced.features.file={factor}")
    ran = nights.run(words, env, timeout=900)
    assert ran.code == 0, ran.out + ran.err
    summary = ran.summary
    assert summary["state"] == "WARN"
    assert summary["counts"]["failed"] == 0
    assert summary["inputs"]["set_aside"]
    aside = [q for q in summary["night"]["health"]["quarantined"] if q["symbol"] == symbol]
    assert [q["rule"]["en"] for q in aside] == [
        "computing on the symbol kills the process that does it"
    ]
    stocks = calm.summary["parts"]["panel"]["notes"]["stocks"]
    assert summary["parts"]["panel"]["notes"]["stocks"] == stocks - 1
    assert summary["outputs"].keys() == {*calm.outputs, "features_across"}
    assert symbol in ran.out
