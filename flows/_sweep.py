"""One sweep while it runs: the night's data and blocks, a plan before, a table in the end."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import numpy as np

from flows import _inputs, _names, _session
from flows._board import STAGES, Block
from flows._night import Night
from flows._settings import SweepRunConfig
from flows._sweeping import cut
from tasks.backtest import steps as backtest
from tasks.backtest.combinations import Combinations, family_of
from tasks.backtest.counting import COUNTED_FIGURES, figures_set, identities
from tasks.backtest.plan import Plan, plan
from tasks.backtest.spaces import explicit
from tasks.backtest.stream import figure_blocks, in_groups
from tasks.backtest.sweep import require_history
from tasks.cluster.local import at_once
from tasks.data import trialsets
from tasks.data.store import Artifact
from tasks.errors import NightFailedError, UserError

Result = dict[str, Any]

#: sweeps of up to so many sets keep every trial's daily series and are judged as in a night
JUDGED = 4000
#: parts of a larger sweep: each is one task, and a thousand could not be looked at
PARTS = 32
#: most sets of a large sweep that are cross-validated, evenly spread by their numbers: each of
#: 12,870 choices of half of the time ranks all of them
VALIDATED = 4000
#: sets of a large sweep, evenly spread by their numbers, whose daily series are kept and tested
RECORDED = 1000
#: trials of a large sweep in one trial set
COUNTED_AT_ONCE = 100_000


class Sweep(Night):
    """A night that only sweeps."""

    config: SweepRunConfig  # type: ignore[assignment]  # has what stages ask for

    def __init__(self, config: SweepRunConfig) -> None:
        super().__init__(config)  # type: ignore[arg-type]  # likewise

    def run(self) -> Result:
        """Load, plan, sweep; the summary.

        Raises:
            UserError: the sweep does not fit into its budget.
            NightFailedError: a block failed.
        """
        self.folder = remember(self.day, self.run_id, self.store)
        for stage in STAGES:
            if stage not in ("load", "backtest"):
                self.board.skip(stage, "no part of a sweep")
        if not self.load():
            return self._end({})
        days = int(self.parts["panel"]["notes"]["days"])
        require_history(self.sweeping.strategy, self.sweeping.first, days)
        made = self._plan()
        told = {"plan": _told(made, at_once())}
        self._require_budget(made)
        if self.config.plan_only:
            return self._end(told)
        if self._judges():
            self.start_sweep()
            self.judge()
        else:
            self._tabulate()
        return self._end(told)

    def _judges(self) -> bool:
        """Whether every trial's daily series is kept, and judged as in a night."""
        return self.sweeping.space is None or len(self.sweeping) <= JUDGED

    def _plan(self) -> Plan:
        """What the sweep will take, from a probe on this machine."""
        panel = self.store.read_panel(
            Artifact.from_json(self.parts["panel"]),
            slice(0, self.parts["panel"]["notes"]["stocks"]),
        )
        config, sweeping = self.config.advanced.sweep, self.sweeping
        return plan(
            panel,
            sweeping.probe(),
            self.config.advanced.costs,
            total=len(sweeping),
            again=0 if self._judges() else RECORDED,
            series=self._judges(),
            trials_per_block=config.trials_per_block,
            symbols_per_block=config.symbols_per_block,
        )

    def _require_budget(self, made: Plan) -> None:
        budget, workers = self.config.budget, at_once()
        minutes, gib = made.wall_seconds(workers) / 60.0, made.memory_bytes(workers) / 2**30
        if minutes > budget.minutes or gib > budget.memory_gib:
            raise UserError(
                f"{sentence(made, workers)}, and the budget is {budget.minutes:g} min and "
                f"{budget.memory_gib:g} GiB: sweep fewer values or stocks, take smaller blocks "
                "(advanced.sweep.trials_per_block), or raise budget.minutes or budget.memory_gib"
            )

    def _tabulate(self) -> None:
        """A large sweep: figures only, in parts of many blocks, then one table."""
        space = self.sweeping.space
        assert space is not None
        ranges = cut(len(space), self.config.advanced.sweep.trials_per_block, PARTS)
        spread = cut(RECORDED, self.config.advanced.sweep.trials_per_block)
        self.board.plan(backtest=len(ranges) + len(spread) + 2)
        arguments = self.sweeping.arguments()
        recorded = self._submit_recorded(spread, arguments)
        size = self.config.advanced.sweep.trials_per_block
        stride = -(-len(space) // VALIDATED)
        arguments["sweep"] = {**arguments["sweep"], "trials_per_block": size, "stride": stride}
        blocks = [
            self._submit(
                "backtest",
                backtest.sweep_part,
                _names.block("backtest", i, len(ranges), f"trials {first}-{stop - 1}"),
                needs=["panel"],
                sets=space.part(first, stop),
                sealed=self.sealed,
                **arguments,
            )
            for i, (first, stop) in enumerate(ranges)
        ]
        parts = self.board.collect(blocks)
        if parts is not None:
            self._run("backtest", "table", backtest.sweep_table, "backtest table of all trials",
                      after=blocks, parts=parts)  # fmt: skip
            self._count_all(parts)
        found = self.board.collect(recorded)
        if found is not None:
            self._run("backtest", "recorded", backtest.sweep_recorded,
                      "backtest spread trials tested", needs=["panel"], after=recorded,
                      recorded=found, sealed=self.sealed,
                      costs=self.config.advanced.costs.model_dump())  # fmt: skip

    def _submit_recorded(self, ranges: list[tuple[int, int]], arguments: Result) -> list[Block]:
        """Blocks of sets from all over the sweep, whose daily series are kept."""
        values = np.asarray(self.sweeping.some(RECORDED)["values"])
        return [
            self._submit(
                "backtest",
                backtest.sweep_block,
                _names.block("backtest spread", i, len(ranges), f"trials {first}-{stop - 1}"),
                needs=["panel"],
                sets=explicit(self.sweeping.strategy, values[first:stop], first),
                **arguments,
            )
            for i, (first, stop) in enumerate(ranges)
        ]

    def _count_all(self, parts: list[Result]) -> None:
        """Tell the ledger what a large sweep tried, and what it found over the universe."""
        blocks = figure_blocks(self.store, map(Artifact.from_json, parts))
        for group in in_groups(blocks, COUNTED_AT_ONCE):
            self._count(group)

    def _count(self, group: list[Artifact]) -> None:
        """One trial set of some blocks; nothing of it stays in memory for the next."""
        import pandas as pd

        trial = _inputs.tried(self.config)  # type: ignore[arg-type]  # has what is asked for
        kind = family_of(self.sweeping.strategy, self.sweeping.file)
        needed = ["trial", *kind.names, *COUNTED_FIGURES]
        frames = [self.store.read_frame(block, "trials.parquet")[needed] for block in group]
        frame = pd.concat(frames, ignore_index=True)
        values, numbers = frame[list(kind.names)].to_numpy(dtype=float), frame["trial"].to_numpy()
        sets = Combinations(kind.name, kind.names, values, numbers, self.sweeping.file)
        ids = identities(
            sets, data_family=trial["family"], costs=self.config.advanced.costs,
            fill=trial["fill"], universe=trial["universe"],
        )  # fmt: skip
        trialsets.emit(self.store, figures_set(sets, frame, ids), family=trial["family"])

    def _end(self, told: Result) -> Result:
        """Write the summary; raise if a block failed."""
        self.board.close()
        failures = self.board.failures
        made = self.parts.get("table") or self.parts.get("trials")
        summary: Result = {
            "flow": "sweep",
            "run": {"id": self.run_id, "folder": self.folder, "day": self.day,
                    "size": self.config.size, "note": self.config.note,
                    "finished": dt.datetime.now(dt.UTC).isoformat(timespec="seconds")},
            "state": "FAIL" if failures else "PASS",
            "strategy": self.sweeping.strategy,
            "sets": len(self.sweeping),
            "stocks": self.parts["panel"]["notes"]["stocks"] if "panel" in self.parts else 0,
            "table": made["uri"] if made else "",
            "outputs": {b.label: b.result["sha256"] for b in self.board.blocks if b.result},
            "counts": {"blocks": len(self.board.blocks),
                       "cached": sum(b.cached for b in self.board.blocks)},
            "inputs": {"ledger": self.ledger.sha256 if self.ledger else "",
                       "vault": self.vault.digest if self.vault else ""},
            "sentence": self._sentence(made, told),
            **told,
        }  # fmt: skip
        self.store.note(f"{self.folder}/summary.json", json.dumps(summary, indent=1))
        if failures:
            error = NightFailedError(_names.failure_sentence(failures))
            error.exit_code = failures[0].exit_code
            raise error
        return summary

    def _sentence(self, made: Result | None, told: Result) -> str:
        if made is None:
            return str(told.get("plan", {}).get("sentence", "nothing was swept"))
        artifact = Artifact.from_json(made)
        if "table" in self.parts:
            figures = self.store.read_json(artifact, "figures.json")
            best = figures["best"] if figures["best"] is not None else np.nan
            failed = f", {figures['failed']:,} not scored" if figures["failed"] else ""
            return (
                f"{figures['trials']:,} trials{failed}; best net Sharpe {best:.2f}, the best of "
                f"as many without skill would reach about {figures['best_of_noise']:.2f}; "
                f"{_overfitting(figures)}{self._superior()}"
            )
        survive = artifact.notes["survive"]
        return (
            f"{survive} of {artifact.notes['trials']:,} trials survive honest testing, "
            f"{artifact.notes['total']:,} tried since the ledger began"
        )

    def _superior(self) -> str:
        """What SPA and StepM say of the recorded sets."""
        if "recorded" not in self.parts:
            return ""
        artifact = Artifact.from_json(self.parts["recorded"])
        found = self.store.read_json(artifact, "superior.json")
        if found["unknown"]:
            return f"; SPA and StepM say nothing: {found['unknown']}"
        return (
            f"; of {found['sets']:,} evenly spread sets {found['better'] or 'none'} beat holding "
            f"the universe (StepM, {found['level']:.0%}; SPA p {found['p']:.2f})"
        )


def _overfitting(figures: Result) -> str:
    """What cross-validation says about picking the best of a large sweep."""
    found, spread = figures["overfitting"], f"{figures['overfitting_of']:,} evenly spread sets"
    if found is None:
        return f"no cross-validation of {spread}: {figures['overfitting_unknown']}"
    return f"probability of overfitting {found['probability']:.2f} among {spread}"


def remember(day: str, run_id: str, store: Any) -> str:
    """Keep a sweep's session and folder under its id, for every retry of it; the folder."""
    folder = f"sweeps/{day}/{run_id.replace('-', '')[:8]}"
    store.note(f"runs/sessions/{run_id}", day)
    store.note(f"runs/folders/{run_id}", folder)
    return folder


def session(config: SweepRunConfig, now: dt.datetime) -> str:
    """The session that a sweep started now works on; a fault of the data is told at once."""
    return _session.resolve(config, now)


def sentence(made: Plan, workers: int) -> str:
    """What a sweep takes, such as `10,000 sets on 50 stocks take about 3 min and 0.8 GiB`."""
    seconds = made.wall_seconds(workers)
    time = f"{seconds / 60:,.1f} min" if seconds >= 60 else f"{seconds:.0f} s"
    return (
        f"{made.sets:,} sets on {made.stocks:,} stocks take about {time} on {workers} threads and "
        f"{made.memory_bytes(workers) / 2**30:.2f} GiB"
    )


def _told(made: Plan, workers: int) -> Result:
    return {
        "sentence": sentence(made, workers),
        "seconds": round(made.wall_seconds(workers), 1),
        "memory_bytes": made.memory_bytes(workers),
        "accounts": made.accounts,
        "blocks": made.blocks,
        "threads": workers,
    }
