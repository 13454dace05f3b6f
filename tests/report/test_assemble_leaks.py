"""Leak tests on the page: a leaking factor is left out with a warning, any other leak is FAIL."""

from typing import Any

from tasks.report.assemble import leaks
from tasks.report.words import pick


def found(leaking: str = "") -> dict[str, Any]:
    stages = [
        {
            "name": name,
            "ok": name != leaking,
            "untested": "",
            "outputs": 4,
            "leaking": ["peek"] if name == leaking else [],
            "leaks": ["peek on 2026-01-05 uses data from the future"] if name == leaking else [],
        }
        for name in ("gate", "universe", "adjustment", "factors", "signals")
    ]
    planted = [
        {"name": "gate: one day early", "expected": "caught", "seen": "caught", "ok": True},
        {"name": "no leak", "expected": "clean", "seen": "clean", "ok": True},
    ]
    return {"stages": stages, "cuts": [{}] * 24, "stocks": 40, "planted": planted}


def states(value: dict[str, Any]) -> list[str]:
    return [test.state for test in leaks.leaks(value)]


def test_a_clean_night_passes_every_test() -> None:
    assert set(states(found())) == {"PASS"}
    assert leaks.left_out(found()) == ()
    assert leaks.left_out(None) == ()
    first = leaks.leaks(found())[0]
    assert pick(first.seen, "en") == "4 outputs of 40 stocks at 24 cuts: none uses the future"


def test_a_leaking_factor_warns_and_is_named_with_its_first_cell() -> None:
    value = found("factors")
    assert states(value).count("WARN") == 1
    assert "FAIL" not in states(value)
    test = next(t for t in leaks.leaks(value) if t.state == "WARN")
    assert pick(test.problem, "en") == "1 factor uses the future and is left out: peek"
    assert leaks.left_out(value)[0].name == "peek"
    assert "2026-01-05" in str(leaks.left_out(value)[0].why)


def test_a_leak_in_any_other_stage_fails_the_night() -> None:
    for stage in ("gate", "universe", "adjustment", "signals"):
        assert states(found(stage)).count("FAIL") == 1


def test_what_could_not_be_tested_is_skipped_with_the_reason() -> None:
    value = found()
    value["stages"][4]["untested"] = "mine.py: no"
    assert states(value)[4] == "SKIP"
    assert "mine.py: no" in pick(leaks.leaks(value)[4].seen, "en")
