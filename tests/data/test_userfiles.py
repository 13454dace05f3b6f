"""The user's files: read with clear faults, counted by content, run as Python."""

from pathlib import Path

import pytest

from tasks.data import keys, userfiles
from tasks.data.userfiles import UserFile
from tasks.errors import UserError


def test_a_file_counts_by_its_content_never_by_its_name_or_place(tmp_path: Path) -> None:
    for folder, name in (("a", "one.toml"), ("b", "two.toml")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text('A = "$close"\n')
    one = userfiles.read(tmp_path / "a" / "one.toml", "factor file")
    two = userfiles.read(tmp_path / "b" / "two.toml", "factor file")
    other = UserFile("one.toml", 'A = "$open"\n')
    made = [keys.key("stage", {"factors": file}, code="c") for file in (one, two, other)]
    assert made[0] == made[1] != made[2]
    assert str(tmp_path) not in repr(one)


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "cannot be read"), (b"\xff\xfe\x00", "no text in UTF-8")],
)
def test_an_unreadable_file_is_one_sentence(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    path = tmp_path / "x.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=words) as caught:
        userfiles.read(path, "factor file")
    assert str(caught.value).startswith("factor file ")


def test_broken_toml_names_the_file_and_the_line() -> None:
    with pytest.raises(UserError, match=r"my\.toml is no valid TOML: .*line 2"):
        userfiles.toml(UserFile("my.toml", 'A = "$close"\nB = \n'))


def test_python_gives_what_the_file_defines_and_leaves_no_module_behind() -> None:
    import sys

    text = (
        "from __future__ import annotations\nimport dataclasses\n"
        "@dataclasses.dataclass\nclass Point:\n    x: int\n\ndef twice(x):\n    return 2 * x\n"
    )
    names = userfiles.python(UserFile("mine.py", text))
    assert names["twice"](4) == 8
    assert names["Point"](3).x == 3
    assert "user_mine" not in sys.modules


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("def f(:\n", "mine.py, line 1: invalid syntax: correct it"),
        ("a = 1\nb = a / 0\n", "mine.py, line 2: ZeroDivisionError: division by zero: correct it"),
        ("raise SystemExit\n", "mine.py, line 1: SystemExit: correct it"),
    ],
)
def test_python_faults_name_the_line(text: str, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        userfiles.python(UserFile("mine.py", text))
    assert str(caught.value) == sentence


def test_a_fault_in_a_call_names_the_line_of_the_users_file() -> None:
    file = UserFile("mine.py", "def f(x):\n    return x['no']\n")
    function = userfiles.python(file)["f"]
    with pytest.raises(KeyError) as caught:
        function({})
    assert str(userfiles.fault(file, caught.value)) == "mine.py, line 2: KeyError: 'no': correct it"
