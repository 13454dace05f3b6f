"""`qilin sweep` as a user runs it: planned, shared with the night, the same after any kill."""

import json
import os
import random
import re
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.data.store import Store
from tasks.data.trialsets import families, read_ledger
from tests.flows import nights

pytestmark = pytest.mark.slow

THREADS = 2
KILLS = 5
#: beyond the number of sets whose daily series are kept: only figures, in parts of blocks
VALUES = {
    "fast": [*range(2, 13)],
    "slow": [*range(13, 34)],
    "signal": [*range(2, 21)],
}
LARGE = (
    "--strategy", "macd", "--set", "advanced.sweep.trials_per_block=100",
    *(w for n, v in VALUES.items() for w in ("--set", f"advanced.sweep.values.{n}={v}")),
)  # fmt: skip


def sweep(*more, settings=nights.SMALL):
    shared = [w for s in settings for w in ("--set", s)]
    return nights.command("sweep", "--json", *shared, *more)


def run(words, env):
    return nights.run(words, env, timeout=900)


def outcome(ran):
    return json.loads(ran.out)


def attempts_twice(home: Path) -> int:
    """How many blocks of figures were begun more than once, counted as often."""
    extra = 0
    for manifest in home.glob("objects/*/*/manifest.json"):
        if json.loads(manifest.read_text())["kind"] == "figures":
            key = manifest.parent.name
            extra += len(list((home / "attempts" / key[:2] / key).iterdir())) - 1
    return extra


def test_a_killed_sweep_started_again_ends_with_the_same_hashes(
    prefect_api: str, tmp_path: Path
) -> None:
    calm = run(sweep(*LARGE), nights.environment(nights.new_home(tmp_path / "calm"), "threads:1"))
    assert calm.code == 0, calm.err
    told = outcome(calm)
    assert told["sets"] == 11 * 21 * 19
    home = nights.new_home(tmp_path / "stormy")
    env = nights.environment(home, f"threads:{THREADS}")
    begun = len(list(calm.home.glob("attempts/*/*"))) - 1
    for moment in sorted(random.Random(3).sample(range(begun), KILLS)):
        _kill_when_begun(env, home, moment)
    ran = run(sweep(*LARGE), env)
    assert ran.code == 0, ran.err
    assert outcome(ran)["outputs"] == told["outputs"]
    assert attempts_twice(home) <= KILLS * THREADS, "only blocks in flight are done twice"
    files = sorted(Path(told["table"]).glob("trials-*.parquet"))
    frame = pd.concat([pd.read_parquet(file) for file in files])
    assert list(frame["trial"]) == list(range(told["sets"]))
    assert (frame["error"] == "").all()
    figures = json.loads((Path(told["table"]) / "figures.json").read_text())
    assert figures["overfitting_of"] == len(range(0, told["sets"], 2)), "at most 4,000, spread"
    assert figures["overfitting"]["choices"] == 12_870
    assert 0.0 <= figures["overfitting"]["probability"] <= 1.0
    assert f"among {figures['overfitting_of']:,} evenly spread sets" in told["sentence"]
    assert re.search(r"of 1,000 evenly spread sets (none|\d+) beat holding", told["sentence"])
    store = Store(str(home))
    known = pd.concat([read_ledger(store, family) for family in families(store)])
    assert len(known) == told["sets"], "every set is counted once, whatever was killed"
    scores = np.sort(frame["sharpe_over_universe"].to_numpy() / np.sqrt(244))
    np.testing.assert_array_equal(np.sort(known["sharpe"].to_numpy()), scores)
    assert (known["days"] >= 60).all()


def _kill_when_begun(env: dict[str, str], home: Path, begun: int) -> None:
    run = subprocess.Popen(sweep(*LARGE), env=env, stderr=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL)  # fmt: skip
    deadline = time.monotonic() + 240
    try:
        while len(list(home.glob("attempts/*/*"))) <= begun:
            assert run.poll() is None, "the sweep ended before it was to be killed"
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        os.kill(run.pid, signal.SIGKILL)
        run.wait()


def test_what_a_night_has_swept_is_found(calm_night: nights.Ran) -> None:
    ran = run(sweep(), nights.environment(calm_night.home))
    assert ran.code == 0, ran.err
    told = outcome(ran)
    assert told["counts"]["cached"] == told["counts"]["blocks"]
    assert set(told["outputs"].values()) <= set(calm_night.outputs.values())
    assert "trials survive honest testing" in told["sentence"]


def test_a_search_is_the_same_on_any_number_of_workers(prefect_api: str, tmp_path: Path) -> None:
    words = sweep("--search", "optuna", "--set", "advanced.sweep.samples=40",
                  "--set", "advanced.sweep.batch=15")  # fmt: skip
    first = run(words, nights.environment(nights.new_home(tmp_path / "a"), "threads:1"))
    again = run(words, nights.environment(nights.new_home(tmp_path / "b"), "threads:2"))
    assert first.code == 0, first.err
    assert outcome(first)["outputs"] == outcome(again)["outputs"]
    assert outcome(first)["counts"]["blocks"] == 2 + 3 + 1
    found = run(words, nights.environment(tmp_path / "b", "threads:2"))
    assert outcome(found)["counts"] == {"blocks": 6, "cached": 6}


def test_a_plan_is_told_and_what_does_not_fit_is_refused(prefect_api: str, tmp_path: Path) -> None:
    env = nights.environment(nights.new_home(tmp_path / "home"))
    planned = run(sweep("--plan", *LARGE), env)
    assert planned.code == 0, planned.err
    assert re.match(r"4,389 sets on \d+ stocks take about", outcome(planned)["sentence"])
    assert outcome(planned)["table"] == ""
    refused = run(sweep(*LARGE, "--set", "budget.memory_gib=0.2"), env)
    assert refused.code == 2
    assert "and the budget is 60 min and 0.2 GiB" in refused.err
    assert len(refused.err.strip().splitlines()) == 1


def test_a_strategy_of_ones_own_with_a_set_that_fails(prefect_api: str, tmp_path: Path) -> None:
    rule = tmp_path / "rule.py"
    rule.write_text(
        "PARAMETERS = {'n': [3, 5, 0]}\n"
        "def positions(panel, *, n):\n"
        "    close = panel['close']\n"
        "    out = close * 0\n"
        "    out[n:] = close[n:] > close[:len(close) // (n > 0) - n]\n"
        "    return out\n"
    )
    env = nights.environment(nights.new_home(tmp_path / "home"))
    ran = run(sweep("--strategy-file", str(rule)), env)
    assert ran.code == 0, ran.err
    frame = pd.read_parquet(Path(outcome(ran)["table"]) / "trials.parquet")
    assert list(frame["error"] == "") == [True, True, False]
    assert frame["error"][2].startswith("rule.py, line 5: ZeroDivisionError")
    assert frame["sharpe"].notna().tolist() == [True, True, False]
    rule.write_text("def positions(panel):\n    return 1 +\n")
    wrong = run(sweep("--strategy-file", str(rule)), env)
    assert wrong.code == 2
    assert "rule.py, line 2" in wrong.err
