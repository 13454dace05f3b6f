"""The house keeps its own rules: what loads what, how long files are, what is declared."""

import ast
import importlib
import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("prefect", "dask", "distributed", "torch", "cupy", "cudf", "lightgbm", "xgboost")
#: these wire pure modules to Prefect and Dask and are allowed to load them
WIRING = re.compile(r"tasks\._step|tasks\.\w+\.steps|tasks\.cluster(\..*)?")
#: what the `qilin` command loads before it has made Prefect's settings
COMMAND = re.compile(
    r"flows\.(cli|_cli_\w+|_server|_up|_metrics|_processes|_guard|_settings|_lock)"
)
LONGEST_FILE = 400
LONGEST_README = 150


def _modules(package: str) -> list[str]:
    names = []
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return names


def _sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


_IMPORT_EACH = """
import importlib, json, sys
found = {}
for name in json.loads(sys.argv[1]):
    before = set(sys.modules)
    importlib.import_module(name)
    new = {module.partition(".")[0] for module in set(sys.modules) - before}
    if loaded := sorted(new & set(json.loads(sys.argv[2]))):
        found[name] = loaded
print(json.dumps(found))
"""


def _loaded_by(modules: list[str], heavy: tuple[str, ...]) -> dict[str, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT_EACH, json.dumps(modules), json.dumps(heavy)],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_importing_a_pure_module_loads_no_heavy_library():
    pure = [name for name in _modules("tasks") if not WIRING.fullmatch(name)]
    assert len(pure) > 20
    assert _loaded_by(pure, HEAVY) == {}


def test_the_command_loads_nothing_heavy_before_it_works():
    command = [name for name in _modules("flows") if COMMAND.fullmatch(name)]
    assert "flows.cli" in command
    assert _loaded_by(command, (*HEAVY, "numba", "pandas")) == {}


def test_no_file_is_too_long():
    long = {
        str(path.relative_to(ROOT)): lines
        for path in _sources("flows", "tasks")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE
    }
    assert long == {}


def test_the_readme_is_short():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= LONGEST_README


def _declared(tree: ast.Module) -> list[str] | None:
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(t, ast.Name) and t.id == "__all__" for t in targets):
            return list(ast.literal_eval(node.value))
    return None


def _declaring() -> dict[str, list[str]]:
    found = {}
    for name in _modules("tasks"):
        path = ROOT.joinpath(*name.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        declared = _declared(ast.parse(path.read_text(encoding="utf-8")))
        if declared is not None:
            found[name] = declared
    return found


@pytest.mark.parametrize(("name", "declared"), _declaring().items())
def test_all_names_what_is_public(name, declared):
    module = importlib.import_module(name)
    assert sorted(set(declared)) == sorted(declared), "a name twice"
    for public in declared:
        assert getattr(module, public) is not None
    own = {
        key
        for key, value in vars(module).items()
        if not key.startswith("_") and getattr(value, "__module__", None) == name
    }
    assert own <= set(declared), f"public but not declared: {sorted(own - set(declared))}"


def test_every_imported_package_is_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["gpu"]]
    declared = {_canonical(re.split(r"[\[<>=!~ ;]", line)[0]) for line in wanted}
    # cupy and cudf carry the CUDA version in the names of their distributions.
    own_names = {
        "cupy": "cupy-cuda13x",
        "cupyx": "cupy-cuda13x",
        "cudf": "cudf-cu13",
        "pynvml": "nvidia-ml-py",
    }
    distributions = importlib.metadata.packages_distributions()
    undeclared = {}
    for path in _sources("flows", "tasks"):
        for package in _imported(path):
            if package in sys.stdlib_module_names or package in ("flows", "tasks"):
                continue
            names = [own_names[package]] if package in own_names else distributions.get(package, [])
            if not declared & {_canonical(n) for n in [*names, package]}:
                undeclared.setdefault(package, str(path.relative_to(ROOT)))
    assert undeclared == {}


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _imported(path: Path) -> set[str]:
    """Top-level packages that a file imports, wherever in it, but not for type checkers alone."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_the_lock_pins_everything_and_names_no_place():
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.match(r"[A-Za-z0-9._-]+==\S+( ;.*)?$", pin) for pin in pins)
    assert not [pin for pin in pins if "+" in pin or pin.startswith(("nvidia-", "triton"))]
    pinned = {_canonical(pin.partition("==")[0]) for pin in pins}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {_canonical(re.split(r"[\[<>=!~ ;]", line)[0]) for line in wanted}
    assert names <= pinned, "run `make lock`"


def test_nothing_is_left_undone():
    marks = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in _sources("flows", "tasks")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if marks.search(line)
    ]
    assert found == []


def test_import_contracts_hold():
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def test_make_lists_its_targets():
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("make ")}
    assert {"setup", "nightly", "test", "lint", "up", "down", "bench"} <= listed
