"""`qilin rules`: what held and why, what changed, and wrong questions."""

import pytest

from flows.cli import main
from tasks.market.rules_a_share import ROWS


def test_what_held_is_printed_with_its_source(capsys):
    assert main(["rules", "sh.600519", "--on", "2026-07-05", "--status", "st"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("600519.SH  main board, SH, st, 2026-07-05")
    limit = next(line for line in lines if line.startswith("price limit"))
    assert "5 %" in limit
    assert "1998-04-22 to 2026-07-05" in limit
    for line in lines[1:]:
        assert any(line.endswith(row.source) for row in ROWS), line


def test_what_changed_between_two_days(capsys):
    assert main(["rules", "--diff", "2026-07-05", "2026-07-06"]) == 0
    title, before, after = capsys.readouterr().out.splitlines()
    assert title.endswith("2026-07-05 to 2026-07-06")
    assert before.startswith("- price limit")
    assert "5 %" in before
    assert after.startswith("+ price limit")
    assert "10 %" in after
    assert "main st" in after
    main(["rules", "688981.SH", "--diff", "2026-07-05", "2026-07-06"])
    assert capsys.readouterr().out == "688981.SH: 2026-07-05 to 2026-07-06: nothing changed\n"


def test_another_market_is_another_book(capsys):
    assert main(["rules", "AAPL", "--market", "us_equity", "--on", "2024-06-03"]) == 0
    out = capsys.readouterr().out
    assert "0.00278 %" in out
    assert "fiscal year 2024" in out
    assert out.rstrip().endswith("none")  # no daily limit


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["AAPL"], "not traded under the rules of A shares"),
        (["600519.SH", "--on", "1980-01-01"], "no row for 600519.SH"),
        (["600519.SH", "--on", "tomorrow"], "is no day"),
        (["600519.SH", "--market", "mars"], "market 'mars' is unknown"),
        ([], "no symbol was given"),
    ],
)
def test_wrong_questions_get_one_sentence(words, message, capsys):
    assert main(["rules", *words]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
