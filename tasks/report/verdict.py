"""What a night amounts to: its state, the sentence beside it, its problems, what to do now.

Everything is derived from the night's facts, so that report, artifacts, terminal and alerts can
never disagree. Zero survivors is a result, not a fault.
"""

from __future__ import annotations

from tasks.report import format as fmt
from tasks.report.night import Action, Missing, Night, Problem, Stage
from tasks.report.states import State, severity, worst
from tasks.report.words import Text, Words, is_empty, join, plural, say, shorten

#: the first screen has room for this many
MOST_ACTIONS = 5
#: symbols set aside that a sentence names
NAMED = 3
#: of one clause in the night's sentence
MOST_LETTERS = 120

PARTS: dict[str, tuple[str, Text]] = {
    "health": ("H", Text("data health", "数据质量")),
    "trials": ("D", Text("trials", "试验")),
    "portfolios": ("E", Text("portfolios", "组合")),
    "factors": ("F", Text("factors", "因子")),
    "model": ("G", Text("model", "模型")),
    "ranking": ("G", Text("ranking", "排名")),
    "leaks": ("I", Text("leak tests", "未来数据泄漏检验")),
    "provenance": ("K", Text("provenance", "来源")),
}


def state(night: Night) -> State:
    """The worst of the night's stages, problems and missing parts; at least PASS if any passed."""
    return worst([s.state for s in night.stages] + [p.state for p in problems(night)])


def sentence(night: Night) -> Words:
    """One sentence after the state: how the night ended, and why it is not simply PASS."""
    found = problems(night)
    failed = [s for s in night.stages if s.state == "FAIL"]
    if not night.stages:
        return Text("no stage has reported yet", "尚无阶段报告")
    start = (
        say(
            "incomplete, {n} of {total} stages failed",
            "不完整，{total} 个阶段中 {n} 个失败",
            n=str(len(failed)),
            total=str(len(night.stages)),
        )
        if failed
        else Text("finished", "已完成")
    )
    if not found:
        return say("{start}, every part passed", "{start}，各部分全部通过", start=start)
    glue = (
        ("{start}: {what}", "{start}：{what}")
        if failed
        else (
            "{start}, but {what}",
            "{start}，但{what}",
        )
    )
    clauses: list[Words] = [shorten(p.what, MOST_LETTERS) for p in found[:3]]
    if len(found) > 3:
        n = len(found) - 3
        clauses.append(say("{n} more", "另有 {n} 项", n=str(n)))
    return say(*glue, start=start, what=join(clauses, last=True))


def problems(night: Night) -> tuple[Problem, ...]:
    """Everything that is not PASS, worst first, each said once."""
    found = [
        *night.problems,
        *_stage_problems(night),
        *_health_problems(night),
        *_leak_problems(night),
        *_device_problems(night),
        *_missing_problems(night),
        *_trial_problems(night),
        *_code_problems(night),
    ]
    unique: dict[Words, Problem] = {}
    for problem in found:
        unique.setdefault(problem.what, problem)
    return tuple(sorted(unique.values(), key=lambda p: severity(p.state)))


def _stage_problems(night: Night) -> list[Problem]:
    return [_stage_problem(s) for s in night.stages if s.state in ("FAIL", "UNKNOWN")] + [
        Problem(what=say("{s}: {note}", "{s}：{note}", s=s.name, note=s.note), section="J")
        for s in night.stages
        if s.state == "WARN" and not is_empty(s.note) and not fell_back(s)
    ]


def _stage_problem(stage: Stage) -> Problem:
    if stage.failed:
        total = stage.failed + stage.cached + stage.computed
        what = say(
            "{f} of {total} {s} blocks failed",
            "{s} 的 {total} 个分块中 {f} 个失败",
            f=str(stage.failed),
            total=str(total),
            s=stage.name,
        )
    else:
        what = say("{s}: {note}", "{s}：{note}", s=stage.name, note=stage.note or "no note")
    return Problem(what=what, state=stage.state, section="J", effect=stage.note)


def fell_back(stage: Stage) -> bool:
    """Whether a stage ran on another device than it was asked to."""
    return bool(stage.asked and stage.device and stage.asked != stage.device)


def _health_problems(night: Night) -> list[Problem]:
    health = night.health
    if isinstance(health, Missing):
        return []
    found = []
    if health.stale:
        what = say(
            "the newest day is {last}, expected {expected}",
            "最新交易日为 {last}，应为 {expected}",
            last=health.last_day,
            expected=health.expected_day,
        )
        found.append(Problem(what=what, state="WARN", section="H"))
    for check in health.checks:
        if check.state in ("FAIL", "WARN", "UNKNOWN"):
            what = say(
                "check “{name}” found {bad} bad rows"
                if check.bad
                else "check “{name}” did not pass",
                "检查“{name}”发现 {bad} 行异常" if check.bad else "检查“{name}”未通过",
                name=check.name,
                bad=fmt.integer(check.bad),
            )
            found.append(Problem(what=what, state=check.state, section="H"))
    if n := len(health.quarantined):
        some = ", ".join(q.symbol for q in health.quarantined[:NAMED]) + ", …" * (n > NAMED)
        what = Text(
            f"{n:,} {plural(n, 'symbol was', 'symbols were')} set aside ({some})",
            f"{n:,} 只股票已隔离（{some}）",
        )
        found.append(Problem(what=what, state="WARN", section="H"))
    return found


def _leak_problems(night: Night) -> list[Problem]:
    if isinstance(night.leaks, Missing):
        return []
    found = [
        Problem(
            what=test.problem
            or say("leak test “{n}” failed", "未来数据泄漏检验“{n}”失败", n=test.name),
            state=test.state,
            section="I",
        )
        for test in night.leaks
        if test.state in ("FAIL", "WARN", "UNKNOWN")
    ]
    if not any(test.planted for test in night.leaks):
        what = Text("no planted leak was tried", "未做植入泄漏检验")
        found.append(Problem(what=what, state="WARN", section="I"))
    return found


def _device_problems(night: Night) -> list[Problem]:
    """A fallback, once: the stages that ran elsewhere than asked, with the reason."""
    stages = [s.name for s in night.stages if fell_back(s)]
    run = night.run
    asked = next((s.asked for s in night.stages if fell_back(s)), run.device_asked)
    used = next((s.device for s in night.stages if fell_back(s)), run.device_used)
    if not stages and (run.device_asked in ("auto", run.device_used) or not run.device_used):
        return []
    what = say(
        "{stages} ran on {used}, {asked} asked",
        "{stages} 在 {used} 上运行（要求 {asked}）",
        stages=join(stages, last=True) if stages else Text("the night", "本次运行"),
        used=used.upper(),
        asked=asked.upper(),
    )
    if not is_empty(run.device_reason):
        what = say("{what} ({reason})", "{what}（{reason}）", what=what, reason=run.device_reason)
    return [Problem(what=what, state="WARN", section="J")]


def _missing_problems(night: Night) -> list[Problem]:
    """Parts that failed or are unknown; the reason only where no failed stage tells it already."""
    found = []
    told = any(stage.state == "FAIL" for stage in night.stages)
    for part, (letter, name) in PARTS.items():
        value = getattr(night, part)
        if isinstance(value, Missing) and value.state != "SKIP":
            what = say("no {name}", "无{name}", name=name)
            if not told:
                what = say("{what}: {why}", "{what}：{why}", what=what, why=value.why)
            found.append(Problem(what=what, state=value.state, section=letter, effect=value.why))
    return found


def _trial_problems(night: Night) -> list[Problem]:
    if isinstance(night.trials, Missing) or not (n := night.trials.count("EXCLUDED")):
        return []
    what = say("{n} trials not scored", "{n} 个试验未评分", n=fmt.of(n, night.trials.tried))
    return [Problem(what=what, state="WARN", section="D")]


def _code_problems(night: Night) -> list[Problem]:
    if isinstance(night.provenance, Missing) or not night.provenance.code_mixed:
        return []
    what = Text("a retry reused blocks of older code", "重试沿用了旧代码的分块")
    return [Problem(what=what, state="WARN", section="K")]


def failed_blocks(night: Night, *, short: bool = False) -> Words:
    """The failed blocks by name, or that none failed."""
    failed = [b for s in night.stages for b in s.failed_blocks]
    count = max(len(failed), sum(s.failed for s in night.stages))
    if not night.stages:
        return Text("no block has reported", "尚无分块报告")
    if not count:
        return Text("no block failed", "没有分块失败")
    if short or not failed:
        return Text(f"{count} {plural(count, 'block', 'blocks')} failed", f"{count} 个分块失败")
    return say("failed: {b}", "失败：{b}", b=join(failed[:8]))


def retry_command(night: Night) -> str:
    """What recomputes only the failed blocks of this run."""
    run_id = "" if isinstance(night.provenance, Missing) else night.provenance.run_id
    return f"qilin retry {run_id}".rstrip()


def actions(night: Night) -> tuple[Action, ...]:
    """At most five things to do now, most severe first; empty if there is nothing to do."""
    found = [*night.actions, *_derived_actions(night)]
    unique: dict[str, Action] = {}
    for action in sorted(found, key=lambda a: severity(a.state)):
        unique.setdefault(action.command or str(action.what), action)
    return tuple(unique.values())[:MOST_ACTIONS]


def _derived_actions(night: Night) -> list[Action]:
    found = []
    given = any(action.command.startswith("qilin retry") for action in night.actions)
    if any(stage.state == "FAIL" for stage in night.stages) and not given:
        found.append(
            Action(
                what=Text("recompute only the failed blocks", "仅重算失败的分块"),
                command=retry_command(night),
                section="J",
                state="FAIL",
            )
        )
    if not isinstance(night.health, Missing) and night.health.stale:
        found.append(
            Action(
                what=Text("find out why the data is late", "查明数据延迟原因"),
                command="qilin doctor",
                section="H",
            )
        )
    if not isinstance(night.health, Missing) and night.health.quarantined:
        command = next((q.command for q in night.health.quarantined if q.command), "")
        found.append(
            Action(
                what=Text(
                    "look at the symbols set aside; release one with",
                    "查看已隔离的股票；解除其一用",
                )
                if command
                else Text("look at the symbols set aside", "查看已隔离的股票"),
                command=command,
                section="H",
            )
        )
    if _device_problems(night):
        found.append(
            Action(
                what=Text("see why the asked device was not used", "查明未使用所要求设备的原因"),
                command="qilin doctor",
                section="J",
            )
        )
    return found


def unusable(night: Night) -> Words:
    """Why survivors and portfolios must not be used: a leak or failed data; empty if they may."""
    reasons: list[Words] = []
    if not isinstance(night.leaks, Missing) and any(t.state == "FAIL" for t in night.leaks):
        reasons.append(Text("a leak test failed", "未来数据泄漏检验失败"))
    if not isinstance(night.health, Missing) and night.health.state == "FAIL":
        reasons.append(Text("data health is FAIL", "数据质量为失败"))
    if not reasons:
        return ""
    return say("Do not use: {why}", "请勿使用：{why}", why=join(reasons, last=True))
