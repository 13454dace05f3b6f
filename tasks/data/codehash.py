"""Which source files a function really depends on, and their hash.

Starting from the names a function's own code mentions, imports inside `tasks` are followed from
file to file. Editing any module on that path changes the hash; editing another does not.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import inspect
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tasks.settings import CHECKOUT

PACKAGE = "tasks"

_ONCE = threading.Lock()
#: see `_parse`
_PARSE_TRIES = 10

#: function's name to its hash when this process first asked
_LOADED: dict[str, str] = {}

#: Plumbing that carries results and can change no number; an edit here rebuilds nothing.
PLUMBING = frozenset(
    {
        "tasks._step",
        "tasks.errors",
        "tasks.settings",
        "tasks.data.codehash",
        "tasks.data.keys",
        "tasks.data.store",
    }
)


def loaded_hash(function: Callable[..., Any]) -> str:
    """`code_hash` as of the first call in this process: the code that is loaded, not a later edit.

    A file edited under a running process must not be taken for what that process computes with.
    Functions count by name: a step that was pickled on its way here is the same step.
    """
    name = f"{function.__module__}.{function.__qualname__}"
    with _ONCE:
        if name not in _LOADED:
            _LOADED[name] = code_hash(function)
        return _LOADED[name]


def code_hash(function: Callable[..., Any]) -> str:
    """Hash of the function's own source and of every `tasks` module it reaches, 64 hex digits."""
    digest = hashlib.sha256()
    for part in sources(function):
        digest.update(part)
    return digest.hexdigest()


def own_hash(function: Callable[..., Any]) -> str:
    """Hash of what a function itself says: its definition and the helpers beside it.

    Comments and layout do not count, nor does what it imports: it names the idea, not the build.
    A function without a readable module, such as one typed into a console, counts by its own
    lines, and one without lines by its compiled code.
    """
    text = ""
    if getattr(function, "__module__", None):
        try:
            helpers, _ = _reach(function)
            text = "\n".join(helpers[name] for name in sorted(helpers))
        except (ImportError, OSError, TypeError):
            text = ""  # no file behind it
    return hashlib.sha256((text or _lines(function)).encode()).hexdigest()


def text_hash(text: str) -> str:
    """sha256 of a text, 64 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def _lines(function: Callable[..., Any]) -> str:
    try:
        return ast.unparse(_parse(textwrap.dedent(inspect.getsource(function))))
    except (OSError, TypeError, SyntaxError):
        code = getattr(function, "__code__", None)
        if code is None:
            return f"{type(function).__module__}.{type(function).__qualname__}"
        return f"{code.co_code.hex()} {code.co_names} {code.co_consts}"


def sources(function: Callable[..., Any]) -> Iterator[bytes]:
    """The function's source, its helpers' in the same module, then every file they import."""
    helpers, reached = _reach(function)
    for name in sorted(helpers):
        yield helpers[name].encode()
    for path in sorted(_closure(frozenset(reached))):
        yield str(path.relative_to(CHECKOUT)).encode() + b"\0" + path.read_bytes()


def _reach(function: Callable[..., Any]) -> tuple[dict[str, str], set[str]]:
    """Definitions of the function's module that it uses, and the modules these import."""
    module = importlib.import_module(function.__module__)
    tree = _parse(inspect.getsource(module))
    definitions = {n.name: n for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    imports = _bound_imports(tree)
    reached: set[str] = set()
    queue = [function.__name__]
    helpers: dict[str, str] = {}
    while queue:
        name = queue.pop()
        if name in helpers:
            continue
        node = definitions.get(name)
        if node is None:
            continue
        helpers[name] = ast.unparse(node)
        mentioned = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        queue += sorted(mentioned & definitions.keys())
        for used in mentioned & imports.keys():
            reached |= imports[used]
        reached |= {m for n in ast.walk(node) for m in _imported(n)}
    return helpers, reached


def _closure(modules: frozenset[str]) -> set[Path]:
    seen: dict[str, Path] = {}
    queue = sorted(modules)
    while queue:
        name = queue.pop()
        path = _file(name)
        if name in seen or name in PLUMBING or path is None:
            continue
        seen[name] = path
        queue += sorted(_module_imports(path, path.stat().st_mtime_ns))
    return set(seen.values())


@functools.lru_cache(maxsize=2048)
def _module_imports(path: Path, _mtime: int) -> frozenset[str]:
    tree = _parse(path.read_bytes())
    return frozenset(m for node in ast.walk(tree) for m in _imported(node))


def _parse(source: str | bytes) -> ast.Module:
    """Parse, again where another thread got in between.

    Earlier releases of Python 3.11 count the depth of the tree in one place for all threads
    (python/cpython#106905), so a parse in another thread fails ours with a SystemError. The source
    is sound, and the next try succeeds.
    """
    for _ in range(_PARSE_TRIES - 1):
        try:
            return ast.parse(source)
        except SystemError:
            continue
    return ast.parse(source)


def _bound_imports(tree: ast.Module) -> dict[str, set[str]]:
    """Names that module-level imports bind, each to the `tasks` modules behind it."""
    bound: dict[str, set[str]] = {}
    for node in tree.body:
        if not isinstance(node, (ast.Import, ast.ImportFrom)):
            continue
        for alias in node.names:
            name = alias.asname or alias.name.split(".")[0]
            bound.setdefault(name, set()).update(_targets(node, alias))
    return bound


def _imported(node: ast.AST) -> set[str]:
    if not isinstance(node, (ast.Import, ast.ImportFrom)):
        return set()
    return {m for alias in node.names for m in _targets(node, alias)}


def _targets(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name} if _ours(alias.name) else set()
    base = node.module or ""
    if not _ours(base):
        return set()
    submodule = f"{base}.{alias.name}"
    return {submodule} if _file(submodule) is not None else {base}


def _ours(name: str) -> bool:
    return name == PACKAGE or name.startswith(PACKAGE + ".")


def _file(name: str) -> Path | None:
    base = CHECKOUT.joinpath(*name.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None
