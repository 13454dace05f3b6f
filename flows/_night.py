"""One night while it runs: plans the blocks, submits the steps, gathers what they give.

Stages that need the whole cross-section are not run when one of their blocks failed; everything
that can still be computed is, and the report says what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from prefect import runtime

from flows import _inputs, _names, _publish, _session
from flows._board import STAGES, Block, Board
from flows._progress import listeners
from flows._settings import NightlyConfig
from flows._sweeping import Sweeping, cut
from tasks._step import Context, ask_for_limits, body_of
from tasks.backtest import steps as backtest
from tasks.data import codehash, trialsets
from tasks.data import steps as data
from tasks.data.sources import registry
from tasks.data.store import Artifact, Store
from tasks.data.vault import Vault
from tasks.errors import NightFailedError
from tasks.indicators import steps as indicators
from tasks.indicators import userfactors
from tasks.market import calendar
from tasks.models import steps as models
from tasks.validation import steps as validation

Result = dict[str, Any]

ALL_STEPS = (*data.STEPS, *indicators.STEPS, *backtest.STEPS, *models.STEPS, *validation.STEPS)

#: stocks of one block of features, unless that makes too many blocks
SYMBOLS_PER_BLOCK = 64
#: blocks of the training, for the progress display, until the dataset says how many folds there are
FIRST_GUESS_OF_BLOCKS = 10


class Night:
    """Wires one night's steps together; every method submits or collects one stage."""

    #: what the summary calls it
    flow = "nightly"

    def __init__(self, config: NightlyConfig, *, fresh_from: str = "") -> None:
        self.config = config
        self.store = Store()
        self.store.require_writable()
        self.factors = userfactors.read(config.advanced.features.file)
        self.sweeping = Sweeping(config.advanced)
        self.run_id = str(runtime.flow_run.id)
        scheduled = runtime.flow_run.scheduled_start_time
        self.day = _session.session_of(config, self.run_id, scheduled, self.store)
        self.folder = _session.run_folder(self.day, config.size, self.run_id)
        context = Context(
            self.store.root,
            code=code_of_steps(),
            data_path=config.data.path,
            device=config.device,
        )
        self.board = Board(
            context,
            listeners(_publish.stage_times(self.store, self.day, config)),
            fresh_from=fresh_from,
            token=self.run_id,
        )
        closed = str(calendar.last_closed_session(scheduled))
        self.expected_day = config.data_date or closed
        self.content = registry.content_id(config.data, self.day)
        self.deadly = _inputs.set_aside(self.run_id, [], self.store)
        self.vault: Vault | None = None
        self.ledger: Artifact | None = None
        self.parts: dict[str, Result] = {}
        self.ended: dict[str, Block] = {}

    def run(self) -> Result:
        """Everything in its order; the summary.

        Raises:
            NightFailedError: a block failed; the report is there and marked incomplete.
        """
        ask_for_limits(STAGES)
        going = self.load()
        while going:
            self.work()
            going = self.isolate()
        return self.publish()

    def work(self) -> None:
        """All that needs the panel."""
        features = self.start_features()
        leaks = self.start_leak_tests()
        self.start_sweep()
        going = self.train(features, leaks)
        going |= self.start_trade()
        try:
            self.judge()
        finally:
            self._keep_all(going)

    def load(self) -> bool:
        """Read the source and let the quality gate look at it; False if there is no panel."""
        self.board.plan(load=2)
        found = self._run(
            "load",
            "bars",
            data.load_bars,
            f"load bars {self.day}",
            settings=self.config.data.model_dump(exclude={"path", "family"}),
            content=self.content,
            day=self.day,
        )
        return found and self.check()

    def check(self) -> bool:
        """Let the quality gate look at the bars; False if no panel is left."""
        checked = self._run(
            "load",
            "panel",
            data.check_bars,
            f"load check of bars {self.day}",
            needs=["bars"],
            day=self.day,
            gate_settings=self.config.advanced.gate.model_dump(),
            universe_settings=self.config.advanced.universe.model_dump(),
            max_symbols=self.config.max_symbols,
            deadly=[symbol for symbol, _ in self.deadly],
        )
        if checked:
            panel = Artifact.from_json(self.parts["panel"])
            self.vault = _inputs.vault_of(self.run_id, self.config, panel, self.store)
        return checked

    def isolate(self) -> bool:
        """Set aside the stocks that killed their workers; True if the night shall begin again.

        They are an input of the run from then on: a retry sets them aside at once.
        """
        if not any(failure.deadly for failure in self.board.failures):
            return False
        if not self._run(
            "features",
            "isolated",
            validation.isolate,
            "features stocks that kill workers",
            needs=["panel"],
            **self._what_is_computed(),
        ):
            return False
        found = self.parts["isolated"]["notes"]["deadly"]
        if not found:
            return False
        self.deadly = _inputs.set_aside(self.run_id, found, self.store)
        bars = self.ended["bars"]
        self.parts, self.ended = {"bars": self.parts["bars"]}, {"bars": bars}
        self.sweeping = Sweeping(self.config.advanced)
        self.board.forget([bars])
        self.board.plan(load=2)
        return self.check()

    def start_features(self) -> list[Block]:
        """Factors in blocks of symbols, and in one step those that need all symbols at once."""
        features = self.config.advanced.features
        stocks = self.parts["panel"]["notes"]["stocks"]
        alone = bool(features.sets or self.factors.lane)
        ranges = cut(stocks, SYMBOLS_PER_BLOCK) if alone else []
        self.board.plan(features=len(ranges) + self.factors.needs_everyone + 1)
        blocks = [
            self._submit(
                "features",
                indicators.features_block,
                _names.block("features", i, len(ranges), f"symbols {first}-{stop - 1}"),
                needs=["panel"],
                first=first,
                stop=stop,
                features=features.computed(),
                user=self.factors.lane,
            )
            for i, (first, stop) in enumerate(ranges)
        ]
        if self.factors.needs_everyone:
            across = self._submit(
                "features",
                indicators.features_across,
                "features across all symbols",
                needs=["panel"],
                features=features.computed(),
                user=self.factors.across,
                code=self.factors.code,
            )
            blocks.append(across)
        return blocks

    def start_sweep(self) -> None:
        """The sweep in blocks of parameters; each fans out over blocks of symbols."""
        self.board.plan(backtest=self.sweeping.blocks() + 2)
        self.sweeping.start(self.board, self.ended["panel"], self.store, self.sealed)

    def start_leak_tests(self) -> Block:
        """The alarm against data from the future, from the raw rows of a sample of stocks on."""
        advanced = self.config.advanced
        return self._submit(
            "features",
            validation.leak_tests,
            "features leak tests",
            needs=["bars"],
            gate_settings=advanced.gate.model_dump(),
            universe_settings=advanced.universe.model_dump(),
            deadly=[symbol for symbol, _ in self.deadly],
            **self._what_is_computed(),
        )

    def _what_is_computed(self) -> dict[str, Any]:
        """The night's factors and some of its strategy's parameter sets."""
        return {
            "features": self.config.advanced.features.computed(),
            "user": self.factors.lane,
            "across": self.factors.across,
            "code": self.factors.code,
            "sets": self.sweeping.some(validation.SETS),
            "strategy": self.sweeping.file,
        }

    def train(self, features: Sequence[Block], leaks: Block) -> dict[str, Block]:
        """Dataset, walk-forward folds, predictions out of sample; gives what else is on its way.

        That is tomorrow's ranking and the scores of single factors, for which no other step waits.
        Factors that the leak tests found to use the future are left out.
        """
        parts, tested = self.board.collect(features), self._keep("leaks", leaks)
        if parts is None:
            self.board.skip("train", "not run: it needs the features of every symbol")
            return {}
        if not tested:
            self.board.skip("train", "not run: no factor is used before its leak test has ended")
            return {}
        without = self.parts["leaks"]["notes"]["leaking"]
        if len(without) == self.parts["leaks"]["notes"]["factors"]:
            self.board.skip("train", "not run: every factor uses data from the future")
            return {}
        train = self.config.advanced.train.model_dump()
        self.board.plan(train=FIRST_GUESS_OF_BLOCKS)
        given = {"features": parts, "train": train, "without": without, "sealed": self.sealed}
        before = [*features, leaks]  # which says what to do without
        dataset = self._submit(
            "train", models.dataset, "train dataset", needs=["panel"], after=before, **given
        )
        if not self._keep("dataset", dataset):
            return {}
        factors = self._submit(  # not before: beside the dataset both take twice as long
            "train", models.factors, "train scores of single factors",
            needs=["panel"], after=before, **given,
        )  # fmt: skip
        return {"factors": factors} | self._fit(train)

    def _fit(self, train: Result) -> dict[str, Block]:
        """Train on the dataset, what takes longest first: an uneven end leaves workers idle."""
        kind, count = self.config.advanced.train.model, self.parts["dataset"]["notes"]["folds"]
        self.board.plan(train=count + 4)
        ranking = self._submit(
            "train", models.ranking, f"train {kind} for tomorrow", needs=["dataset"], train=train
        )
        later_first = [
            self._submit(
                "train",
                models.fold,
                f"train {kind} fold {i + 1:0{len(str(count))}d}/{count}",
                needs=["dataset"],
                number=i,
                train=train,
                sealed=self.sealed,
            )
            for i in reversed(range(count))
        ]
        folds = later_first[::-1]
        scored = self.board.collect(folds)
        if scored is not None:
            self._run(
                "train",
                "predictions",
                models.predictions,
                "train scores out of sample",
                needs=["panel", "dataset"],
                after=folds,
                folds=scored,
                train=train,
            )
        return {"ranking": ranking}

    def start_trade(self) -> dict[str, Block]:
        """The portfolio that follows the model's out-of-sample predictions, if there are any."""
        if "predictions" not in self.parts:
            return {}
        portfolio = self._submit(
            "backtest",
            backtest.portfolio,
            "backtest portfolio of the model",
            needs=["panel", "predictions"],
            portfolio=self.config.advanced.portfolio.model_dump(),
            costs=self.config.advanced.costs.model_dump(),
            sealed=self.sealed,
        )
        return {"portfolio": portfolio}

    def judge(self) -> None:
        """What of all trials survives honest testing; the ledger learns what was tried."""
        blocks = self.sweeping.finish()
        if blocks is None:
            return
        found = [Artifact.from_json(block) for block in blocks]
        self.ledger = _inputs.ledger_of(self.run_id, self.config, found, self.store)
        trial = _inputs.tried(self.config)
        judged = self._run(
            "backtest",
            "trials",
            backtest.trials,
            "backtest trials judged",
            needs=["panel"],
            after=self.sweeping.submitted,
            blocks=blocks,
            costs=self.config.advanced.costs.model_dump(),
            validation=self.config.advanced.validation.model_dump(exclude={"vault_sessions"}),
            ledger=self.ledger.to_json(),
            tried=trial,
            sealed=self.sealed,
        )
        if judged:
            made = Artifact.from_json(self.parts["trials"])
            own = self.store.read_frame(made, "set.parquet")
            trialsets.emit(self.store, own, family=trial["family"])

    @property
    def sealed(self) -> str:
        """First day of the vault, empty without one: no score rests on it or a later day."""
        return "" if self.vault is None else self.vault.start

    def publish(self) -> Result:
        """Write the report and the summary; raise if any block failed.

        Raises:
            NightFailedError: names what failed; the report is there and marked incomplete.
        """
        summary = _publish.publish(self)
        self.board.close()
        failures = self.board.failures
        if failures:
            error = NightFailedError(_names.failure_sentence(failures))
            codes = {failure.exit_code for failure in failures}
            error.exit_code = codes.pop() if len(codes) == 1 else NightFailedError.exit_code
            raise error
        return summary

    def _submit(
        self,
        stage: str,
        step: Any,
        label: str,
        *,
        needs: Sequence[str] = (),
        after: Sequence[Block] = (),
        **arguments: Any,
    ) -> Block:
        inputs = {name: self.parts[name] for name in needs}
        waits = [*after, *(self.ended[name] for name in needs)]
        return self.board.submit(stage, step, label, after=waits, **inputs, **arguments)

    def _run(self, stage: str, name: str, step: Any, label: str, **arguments: Any) -> bool:
        return self._keep(name, self._submit(stage, step, label, **arguments))

    def _keep_all(self, going: Mapping[str, Block]) -> None:
        for name, block in going.items():
            self._keep(name, block)

    def _keep(self, name: str, block: Block) -> bool:
        results = self.board.collect([block])
        if results is None:
            return False
        self.parts[name] = results[0]
        self.ended[name] = block
        return True


def code_of_steps() -> dict[str, str]:
    """Code hash of every step, by its name."""
    return {made.name: codehash.loaded_hash(body_of(made)) for made in ALL_STEPS}
