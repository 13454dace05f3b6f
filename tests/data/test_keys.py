"""Keys name the work: equal work has equal keys, on any machine, and nothing else does."""

import textwrap
from pathlib import Path

import pytest
from pydantic import BaseModel

from tasks.data import codehash, keys
from tasks.data.store import Artifact


class Settings(BaseModel):
    window: int = 20
    rate: float = 0.1


def made(**changes: object) -> str:
    arguments: dict[str, object] = {"parameters": {"a": 1}, "code": "c", "packages": ("numpy",)}
    arguments.update(changes)
    stage = str(arguments.pop("stage", "load"))
    return keys.key(stage, **arguments)  # type: ignore[arg-type]


def artifact(**changes: object) -> Artifact:
    values: dict[str, object] = {
        "kind": "panel", "key": "k", "uri": "objects/k", "sha256": "s", "rows": 1, "bytes": 1,
    }  # fmt: skip
    return Artifact(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"stage": "gate"},
        {"parameters": {"a": 2}},
        {"parameters": {"b": 1}},
        {"code": "d"},
        {"packages": ("numpy", "numba")},
        {"device": "cuda"},
        {"parameters": {"a": Settings(window=21)}},
        {"parameters": {"a": artifact(sha256="t")}},
    ],
)
def test_whatever_changes_the_work_changes_the_key(changes: dict[str, object]) -> None:
    assert made(**changes) != made()


def test_steps_with_equal_arguments_differ_by_name() -> None:
    assert made(stage="train") != made(stage="sweep")


def test_order_of_parameters_and_place_of_artifacts_do_not_matter() -> None:
    assert made(parameters={"a": 1, "b": 2}) == made(parameters={"b": 2, "a": 1})
    here, there = artifact(), artifact(key="other", uri="elsewhere", rows=9)
    assert made(parameters={"a": here}) == made(parameters={"a": there})
    assert made(parameters={"a": here.to_json()}) == made(parameters={"a": here})


def test_a_settings_model_counts_by_its_values() -> None:
    assert made(parameters={"a": Settings()}) == made(parameters={"a": Settings().model_dump()})


def test_a_parameter_without_canonical_form_is_refused() -> None:
    with pytest.raises(TypeError, match="no canonical form"):
        made(parameters={"a": object()})


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small package that the code hash reads instead of ours."""
    for name, text in {
        "tinyhouse/__init__.py": "",
        "tinyhouse/maths/__init__.py": "",
        "tinyhouse/maths/kernel.py": "from tinyhouse.maths import deep\nVALUE = deep.VALUE\n",
        "tinyhouse/maths/deep.py": "VALUE = 1\n",
        "tinyhouse/maths/unused.py": "VALUE = 1\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(codehash, "CHECKOUT", tmp_path)
    monkeypatch.setattr(codehash, "PACKAGE", "tinyhouse")
    source = """
        from tinyhouse.maths import kernel
        from tinyhouse.maths.unused import VALUE

        def helper():
            return kernel.VALUE

        def stage():
            return helper()

        def other():
            return VALUE
    """
    (tmp_path / "wiring_for_codehash.py").write_text(textwrap.dedent(source))
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_only_modules_that_a_step_reaches_count(package: Path) -> None:
    import wiring_for_codehash as wiring  # type: ignore[import-not-found]

    before = codehash.code_hash(wiring.stage), codehash.code_hash(wiring.other)
    (package / "tinyhouse/maths/deep.py").write_text("VALUE = 2  # edited two imports away\n")
    after = codehash.code_hash(wiring.stage), codehash.code_hash(wiring.other)
    assert after[0] != before[0]
    assert after[1] == before[1]
    assert codehash.loaded_hash(wiring.other) == after[1]
    (package / "tinyhouse/maths/unused.py").write_text("VALUE = 3\n")
    assert codehash.code_hash(wiring.other) != before[1]
    assert codehash.loaded_hash(wiring.other) == after[1], "loaded code is not the edited file"
