"""The user's own files, such as factors or strategies: read once, counted by what they say.

The driver reads a file and hands its content to the steps, so that workers need not see the disk
it lies on. In an artifact's key a file counts by its content alone (`tasks.data.keys`); its name
is for people, and where it lies is told to nobody.
"""

from __future__ import annotations

import dataclasses
import hashlib
import linecache
import sys
import tomllib
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from tasks.errors import QilinError, UserError


@dataclasses.dataclass(frozen=True)
class UserFile:
    """A file of the user's.

    Attributes:
        name: last part of its path, such as `my_factors.toml`; in no key.
        text: what it says.
    """

    name: str
    text: str

    @property
    def sha256(self) -> str:
        """Hash of the content, 64 hex digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def label(self) -> str:
        """What tracebacks call code of this file."""
        return f"<{self.name}>"


def read(path: str | Path, what: str) -> UserFile:
    """Read a text file.

    Args:
        path: of the file; `~` is the home folder.
        what: what the file is for, such as `factor file`; begins the error.

    Raises:
        UserError: the file cannot be read, or is no text in UTF-8.
    """
    place = Path(path).expanduser()
    try:
        return UserFile(place.name, place.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UserError(
            f"{what} {path} cannot be read ({error.strerror}): give the path of a text file"
        ) from error
    except UnicodeDecodeError as error:
        raise UserError(
            f"{what} {path} is no text in UTF-8 (byte {error.start}): save it as such"
        ) from error


def toml(file: UserFile) -> dict[str, Any]:
    """The file's content as TOML; a `UserError` with line and column if it is none."""
    try:
        return tomllib.loads(file.text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{file.name} is no valid TOML: {error}") from error


def python(file: UserFile) -> dict[str, Any]:
    """Run the file as a Python module and give the names it defines.

    Raises:
        UserError: it does not compile, or raises while it is run; with the line.
    """
    linecache.cache[file.label] = (
        len(file.text), None, file.text.splitlines(keepends=True), file.label,
    )  # fmt: skip
    module = ModuleType(f"user_{Path(file.name).stem}")
    try:
        code = compile(file.text, file.label, "exec")
    except SyntaxError as error:
        raise UserError(f"{file.name}, line {error.lineno}: {error.msg}: correct it") from error
    sys.modules[module.__name__] = module  # while it runs: dataclasses look themselves up there
    try:
        exec(code, module.__dict__)  # noqa: S102 - the user's own file, named by the user
    except (Exception, SystemExit) as error:
        raise fault(file, error) from error
    finally:
        del sys.modules[module.__name__]  # so that what it defines is pickled by value
    return {name: value for name, value in vars(module).items() if not name.startswith("__")}


def fault(file: UserFile, error: BaseException) -> UserError:
    """What the user's code raised as one sentence: file, line, and what was said."""
    places = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == file.label]
    where = f"{file.name}, line {places[-1].lineno}" if places else file.name
    said = " ".join(str(error).split())
    if isinstance(error, ValueError) and "read-only" in said and places:
        return UserError(
            f"{where}: {places[-1].name} writes into an array that is not its own, such as the "
            'panel\'s: write into a copy, panel["close"].copy()'
        )
    if isinstance(error, QilinError):
        return UserError(f"{where}: {said}")
    return UserError(f"{where}: {type(error).__name__}{': ' if said else ''}{said}: correct it")
