"""What Prefect's pages show of a night: the texts and tables of its artifacts.

Pure: creating the artifacts is the step's business. Each has a finding, because the cards of the
run's page show only that.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Final

from tasks.report import format as fmt
from tasks.report import states, verdict
from tasks.report.answers import Answer, answers, survival
from tasks.report.night import DataHealth, Missing, Night, Stage
from tasks.report.sections.provenance import commit
from tasks.report.sections.survivors import badge
from tasks.report.trials import Trial, Trials
from tasks.report.words import Language, Text, Words, pick, say, scrub

#: artifact keys; fixed, so that history lines up
SUMMARY: Final = "nightly-summary"
SURVIVORS: Final = "nightly-survivors"
HEALTH: Final = "nightly-data-health"
PROVENANCE: Final = "nightly-provenance"
REPORT: Final = "nightly-report"

MOST_LINES: Final = 30
MOST_ROWS: Final = 50
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>|#~])")
_TABLE_STAGES: Final = 10


@dataclasses.dataclass(frozen=True)
class Document:
    """A markdown artifact: its text and its finding."""

    body: str
    finding: str


@dataclasses.dataclass(frozen=True)
class Rows:
    """A table artifact: short heads to formatted strings, and its finding."""

    rows: list[dict[str, str]]
    finding: str


def escape(words: Words, language: Language = "en") -> str:
    """Words on one line, without private things, that markdown shows as they are."""
    flat = " ".join(scrub(pick(words, language)).split())
    return _SPECIAL.sub(r"\\\1", flat)


def _code(text: str) -> str:
    """A command or hash between backticks."""
    return f"`{scrub(text).replace('`', '')}`"


def finding(night: Night, language: Language = "en") -> str:
    """State, sentence and simulated label in one line."""
    label = pick(Text(" (simulated data)", "（模拟数据）"), language) if night.run.simulated else ""
    words = scrub(pick(verdict.sentence(night), language))
    return f"{verdict.state(night)}: {words}{label}"


def documents(night: Night, language: Language = "en", *, report: str = "") -> dict[str, Document]:
    """The markdown artifacts by key; `report` is the path or address of the HTML file."""
    line = finding(night, language)
    found = {
        SUMMARY: Document(summary(night, language, report=report), line),
        PROVENANCE: Document(provenance(night, language), _provenance_finding(night, language)),
    }
    if report:
        found[REPORT] = Document(report_link(night, report, language), line)
    return found


def report_link(night: Night, report: str, language: Language = "en") -> str:
    """A link to the report; for a file also its address, as browsers follow no link to files."""
    link = report if "://" in report else f"file://{report}"
    text = pick(say("Report {d}", "报告 {d}", d=night.run.day), language)
    if link.startswith(("http://", "https://")):
        return f"[{text}]({link})"
    why = Text(
        "Browsers do not open files from this page: copy the address into a new tab.",
        "浏览器不会从此页面打开文件：请把地址复制到新标签页。",
    )
    return f"[{text}](<{link}>)\n\n`{link}`\n\n{pick(why, language)}"


def tables(night: Night, language: Language = "en") -> dict[str, Rows]:
    """The table artifacts by key."""
    return {SURVIVORS: survivors(night, language), HEALTH: health(night, language)}


def summary(night: Night, language: Language = "en", *, report: str = "") -> str:
    """At most 30 lines: state, five answers, stages, failed blocks, where the report is."""
    found = answers(night)
    state = verdict.state(night)
    run = night.run
    head = say("Night {d}, {n}", "{d} 每夜运行 {n}", d=run.day, n=run.name)
    if run.simulated:
        head = say("{h} (simulated data)", "{h}（模拟数据）", h=head)
    lines = [
        f"## {states.SIGN[state]} {state} · {escape(head, language)}",
        "",
        f"**{escape(verdict.sentence(night), language)}**",
        "",
    ]
    lines += [f"- {_answer(answer, language)}" for answer in found.four()[1:]]
    lines += _todo(night, language)
    lines += ["", *_stage_table(night, language)]
    lines.append("")
    lines.append(escape(verdict.failed_blocks(night), language))
    if report:
        lines.append(f"{pick(Text('Report', '报告'), language)}: {_code(report)}")
    return "\n".join(lines[:MOST_LINES])


def _answer(answer: Answer, language: Language) -> str:
    facts = "; ".join(
        f"{escape(label, language)}: {escape(text, language)}" for label, text in answer.facts[:4]
    )
    headline = f"**{escape(answer.headline, language)}**"
    return f"{headline} — {facts}" if facts else headline


def _todo(night: Night, language: Language) -> list[str]:
    todo = verdict.actions(night)
    if not todo:
        return [f"- {pick(Text('**Nothing to do.**', '**无需处理。**'), language)}"]
    lines = [f"- {pick(Text('**What must I do now:**', '**现在需要做：**'), language)}"]
    for action in todo:
        command = f" {_code(action.command)}" if action.command else ""
        lines.append(f"  - {action.state}: {escape(action.what, language)}{command}")
    return lines


def _stage_table(night: Night, language: Language) -> list[str]:
    if not night.stages:
        return [pick(Text("No stage has reported yet.", "尚无阶段报告。"), language)]
    heads = pick(
        Text("| stage | state | done | time | note |", "| 阶段 | 状态 | 完成 | 用时 | 说明 |"),
        language,
    )
    rows = [_stage_row(stage, language) for stage in night.stages[:_TABLE_STAGES]]
    return [heads, "|---|---|---|---:|---|", *rows]


def _stage_row(stage: Stage, language: Language) -> str:
    cells = (
        escape(stage.name),
        f"{states.SIGN[stage.state]} {stage.state}",
        escape(stage.done, language) or fmt.MISSING,
        pick(fmt.duration(stage.seconds), language),
        escape(stage.note, language),
    )
    return f"| {' | '.join(cells)} |"


def survivors(night: Night, language: Language = "en") -> Rows:
    """Survivors and candidates, least likely luck first; never more than 50."""
    trials = night.trials
    if isinstance(trials, Missing):
        why = scrub(pick(trials.why, language))
        return Rows([{"state": trials.state, "why": why}], why)
    line = scrub(pick(survival(trials), language))
    covered = pick(verdict.unusable(night), language)
    if covered:
        line = f"{covered}. {line}"
    rows = [_trial(t, trials, language) for t in trials.of("SURVIVES", "CANDIDATE")[:MOST_ROWS]]
    return Rows(rows or [{"state": "PASS", "why": line}], line)


def _trial(t: Trial, trials: Trials, language: Language) -> dict[str, str]:
    return {
        "trial": scrub(t.name),
        "state": pick(badge(t, trials), language),
        "Sharpe over universe [95 %]": fmt.estimate(t.sharpe),
        "q": fmt.q_value(t.q),
        "deflated": fmt.ratio(t.deflated),
        "out of sample": fmt.estimate(t.out_of_sample),
        "drawdown": fmt.percent(t.drawdown),
        "turnover": fmt.printed(t.turnover, "times"),
        "dies at": fmt.basis_points(t.breakeven_bp),
        "days": fmt.integer(t.days),
    }


def health(night: Night, language: Language = "en") -> Rows:
    """Checks, failed first, then the symbols set aside; never more than 50 rows."""
    found = night.health
    if isinstance(found, Missing):
        why = scrub(pick(found.why, language))
        return Rows([{"state": found.state, "why": why}], why)
    rows = [*_checks(found, language), *_quarantine(found, language)][:MOST_ROWS]
    line = scrub(pick(answers(night).data.headline, language))
    n = len(found.quarantined)
    line += pick(Text(f"; {n:,} set aside", f"；{n:,} 只已隔离"), language)
    return Rows(rows or [{"state": found.state, "why": line}], f"{found.state}: {line}")


def _checks(found: DataHealth, language: Language) -> list[dict[str, str]]:
    return [
        {
            "what": scrub(pick(c.name, language)),
            "state": f"{states.SIGN[c.state]} {c.state}",
            "evaluated": fmt.integer(c.evaluated),
            "bad": fmt.integer(c.bad),
            "threshold": scrub(pick(c.threshold, language)),
            "worst": scrub(pick(c.worst, language)),
            "since": c.since,
        }
        for c in sorted(found.checks, key=lambda c: states.severity(c.state))
    ]


def _quarantine(found: DataHealth, language: Language) -> list[dict[str, str]]:
    aside = pick(Text("set aside", "已隔离"), language)
    return [
        {
            "what": f"{q.symbol} {q.name}".strip(),
            "state": f"{states.SIGN['WARN']} {aside}",
            "evaluated": fmt.MISSING,
            "bad": fmt.integer(q.rows),
            "threshold": scrub(pick(q.rule, language)),
            "worst": scrub(pick(q.effect, language)),
            "since": q.first_day,
        }
        for q in found.quarantined
    ]


def provenance(night: Night, language: Language = "en") -> str:
    """Hashes, versions, seeds and the command to reproduce, as markdown."""
    found = night.provenance
    if isinstance(found, Missing):
        return escape(found.why, language)
    run = night.run
    lines = [
        f"- {pick(Text('reproduce', '复现'), language)}: {_code(found.command)}",
        f"- {pick(Text('run', '运行'), language)}: {_code(found.run_id)}",
        f"- {fmt.stamp(run.started)} → {fmt.stamp(run.finished)}",
        "",
        f"| {pick(Text('name', '名称'), language)} | {pick(Text('value', '值'), language)} |",
        "|---|---|",
    ]
    pairs = [
        *((f"hash {k}", v) for k, v in sorted(found.hashes.items())),
        *((f"seed {k}", str(v)) for k, v in sorted(found.seeds.items())),
        *((k, v) for k, v in sorted(found.machine.items())),
        *((k, v) for k, v in sorted(found.versions.items())),
    ]
    lines += [f"| {escape(k)} | {_code(v)} |" for k, v in pairs]
    return "\n".join(lines)


def _provenance_finding(night: Night, language: Language) -> str:
    if isinstance(night.provenance, Missing):
        return scrub(pick(night.provenance.why, language))
    words = say(
        "code {c}, data {d}, settings {s}",
        "代码 {c}，数据 {d}，设置 {s}",
        c=commit(night),
        d=fmt.short_hash(night.run.snapshot),
        s=fmt.short_hash(night.provenance.hashes.get("settings")),
    )
    return scrub(pick(words, language))
