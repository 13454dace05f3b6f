"""The whole `Night`: every part from its artifact, or the sentence why it is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from tasks.data.store import Artifact
from tasks.errors import UserError
from tasks.market import calendar
from tasks.report import format as fmt
from tasks.report.assemble import changes, health, leaks, model, portfolio, run, trials
from tasks.report.night import Action, Missing, Night
from tasks.report.words import Text, Words, plural, say

if TYPE_CHECKING:
    import pandas as pd

    from tasks.data.store import Store
    from tasks.report.research import Factors

Json = Mapping[str, Any]
Part = TypeVar("Part")

#: which stage a part comes from, for the sentence why it is missing
STAGE_OF = {
    "panel": "load",
    "leaks": "features",
    "trials": "backtest",
    "portfolio": "backtest",
    "predictions": "train",
    "factors": "train",
    "ranking": "train",
}


def assemble(summary: Json, previous: Json, store: Store, *, expected_day: str, ui: str) -> Night:
    """Everything that people see of a night.

    Args:
        summary: the night's summary.
        previous: the summary of the night before, empty if there is none.
        store: where the artifacts are.
        expected_day: newest session that the data should have.
        ui: address of the run's page.
    """
    reader = _Reader(summary, store)
    ranked = reader.frame("ranking", "ranking.parquet")
    before = _Reader(previous, store).frame("ranking", "ranking.parquet") if previous else None
    factors = reader.part("factors", lambda: _factors(reader))
    return Night(
        run=run.run(summary, ui),
        stages=run.stages(summary, _stage_notes(summary)),
        health=reader.part("panel", lambda: _health(reader, summary, expected_day)),
        trials=reader.part(
            "trials",
            lambda: trials.trials(
                reader.json("trials", "judged.json"),
                reader.table("trials", "judged.parquet"),
                summary.get("vault", {}),
            ),
        ),
        portfolios=reader.part("portfolio", lambda: (_portfolio(reader),)),
        factors=factors,
        model=reader.part("predictions", lambda: _model(reader, summary, factors)),
        ranking=reader.part(
            "ranking",
            lambda: model.ranking(
                reader.table("ranking", "ranking.parquet"), _next_session(summary), _places(before)
            ),
        ),
        changes=changes.changes(summary, previous, _symbols(ranked), _symbols(before)),
        leaks=reader.part("leaks", lambda: leaks.leaks(reader.json("leaks", "leaks.json"))),
        devices=run.devices(summary),
        provenance=run.provenance(summary),
        actions=tuple(_actions(summary)),
    )


class _Reader:
    """Reads the parts that a run has, and says why it does not have the others."""

    def __init__(self, summary: Json, store: Store) -> None:
        self.parts = {k: Artifact.from_json(v) for k, v in summary.get("parts", {}).items()}
        self._summary = summary
        self._store = store

    def part(self, name: str, build: Callable[[], Part]) -> Part | Missing:
        """What `build` gives where the artifact is there, else the reason why it is not."""
        return build() if name in self.parts else self._missing(name)

    def json(self, part: str, file: str) -> Any:
        """A JSON file of a part, None without the part."""
        return self._store.read_json(self.parts[part], file) if part in self.parts else None

    def frame(self, part: str, file: str) -> pd.DataFrame | None:
        """A Parquet file of a part, None without the part."""
        return self._store.read_frame(self.parts[part], file) if part in self.parts else None

    def table(self, part: str, file: str) -> pd.DataFrame:
        """A Parquet file of a part that is there."""
        return self._store.read_frame(self.parts[part], file)

    def _missing(self, name: str) -> Missing:
        stage = STAGE_OF[name]
        for failure in self._summary["failures"]:
            if failure["stage"] == stage:
                what = failure["sentence"]
                return Missing(say("failed: {w}", "失败：{w}", w=what), state="FAIL")
        reason = self._summary["skipped"].get(stage, "an earlier stage did not finish")
        return Missing(say("not run: {w}", "未运行：{w}", w=reason.removeprefix("not run: ")))


def _health(reader: _Reader, summary: Json, expected_day: str) -> Any:
    return health.health(
        reader.parts["panel"].notes,
        reader.json("panel", "health.json"),
        reader.json("panel", "checks.json"),
        reader.table("panel", "quarantine.parquet"),
        reader.table("panel", "moves.parquet"),
        expected_day,
        summary["run"]["source"],
    )


def _factors(reader: _Reader) -> Factors:
    scores = reader.table("factors", "scores.parquet")
    return model.factors(
        scores,
        reader.json("predictions", "evaluation.json"),
        reader.table("factors", "coverage.parquet"),
        reader.parts["factors"].notes["expressions"],
        leaks.left_out(reader.json("leaks", "leaks.json")),
    )


def _model(reader: _Reader, summary: Json, factors: Factors | Missing) -> Any:
    best = None if isinstance(factors, Missing) else factors.rows[0]
    drift = reader.frame("factors", "drift.parquet")
    evaluation = reader.json("predictions", "evaluation.json")
    return model.model(summary["model"], evaluation, drift, best, summary["seeds"]["train"])


def _portfolio(reader: _Reader) -> Any:
    figures = reader.json("portfolio", "figures.json")
    return portfolio.portfolio(figures, reader.table("portfolio", "equity.parquet"))


def _next_session(summary: Json) -> str:
    """The session that the ranking is for; in words where the calendar does not reach it."""
    day = str(summary["run"]["day"])
    try:
        return calendar.next_session(day)
    except UserError:
        return f"the session after {day}"


def _places(table: pd.DataFrame | None) -> dict[str, int]:
    if table is None:
        return {}
    return {str(s): int(r) for s, r in zip(table["symbol"], table["rank"], strict=True)}


def _symbols(table: pd.DataFrame | None) -> list[str]:
    return [] if table is None else [str(s) for s in table["symbol"]]


def _stage_notes(summary: Json) -> dict[str, Words]:
    """One sentence for the stages that have something to say."""
    notes: dict[str, Words] = {}
    parts = summary["parts"]
    if "panel" in parts:
        facts = parts["panel"]["notes"]
        bad = facts["quarantined_rows"]
        notes["load"] = say(
            "{stocks} {word}, {days} sessions" + (", {bad} rows set aside" if bad else ""),
            "{stocks} 只股票，{days} 个交易日" + ("，{bad} 行已隔离" if bad else ""),
            stocks=f"{facts['stocks']:,}",
            word=plural(facts["stocks"], "stock", "stocks"),
            days=f"{facts['days']:,}",
            bad=f"{bad:,}",
        )
    if "leaks" in parts and (lost := parts["leaks"]["notes"]["leaking"]):
        n = len(lost)
        words = f"{n} {plural(n, 'factor', 'factors')} left out: data from the future"
        notes["features"] = Text(words, f"{n} 个因子使用未来数据，已剔除")
    if "trials" in parts:
        facts = parts["trials"]["notes"]
        notes["backtest"] = say(
            "{n} trials, {s} survive (FDR {l})",
            "{n} 个试验，{s} 个通过（FDR {l}）",
            n=f"{facts['trials']:,}",
            s=f"{facts['survive']:,}",
            l=fmt.level(facts["level"]),
        )
    if "ranking" in parts:
        n = parts["ranking"]["notes"]["ranked"]
        words = f"{n:,} {plural(n, 'stock', 'stocks')} ranked"
        notes["train"] = Text(words, f"{n:,} 只股票已排名")
    return notes


def _actions(summary: Json) -> list[Action]:
    """What to do now: mend and retry what failed, most severe first."""
    failures = summary["failures"]
    if not failures:
        return []
    what = Text(failures[0]["sentence"], failures[0]["sentence"])
    command = f"qilin retry {summary['run']['id']}"
    return [Action(what=what, command=command, section="J", state="FAIL")]
