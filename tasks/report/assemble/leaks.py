"""Leak tests of the night, and whether their alarm works."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.report.night import LeakTest
from tasks.report.words import Text, say

Json = Mapping[str, Any]

_CLEAN = Text("no value of the past changes", "过去的数值不变")
_WORDS = {"caught": Text("caught", "被发现"), "clean": _CLEAN}


def leaks(found: Json) -> tuple[LeakTest, ...]:
    """The features' own test, then the planted leaks that must be caught."""
    features = found["features"]
    return (
        LeakTest(
            name=Text("features of the night", "当晚特征"),
            catches=Text(
                "a feature that uses days after its own: cut off, scaled, missing or shuffled",
                "使用未来日期的特征：截断、缩放、缺失或打乱",
            ),
            expected=_CLEAN,
            seen=say(
                "{what}", "{n} 个输出，{cuts} 个截断点：{what}",
                what=features["sentence"], n=str(features["outputs"]),
                cuts=str(len(features["cuts"])),
            ),
            state="PASS" if features["ok"] else "FAIL",
        ),
        *(_planted(alarm) for alarm in found["planted"]),
    )  # fmt: skip


def _planted(alarm: Json) -> LeakTest:
    return LeakTest(
        name=alarm["name"],
        catches=Text("shows that the alarm works", "证明警报有效"),
        expected=_WORDS[alarm["expected"]],
        seen=_WORDS[alarm["seen"]],
        state="PASS" if alarm["ok"] else "FAIL",
        planted=alarm["expected"] == "caught",
    )
