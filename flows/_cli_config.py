"""From a TOML file, flags and `--set` to the settings of a night, and back to a TOML file.

Later wins: the model's defaults, the file, then flags in the order they are given. A fault is one
sentence that names where the value came from, the setting, and what is wrong with it.
"""

from __future__ import annotations

import datetime as dt
import difflib
import json
import shlex
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from flows._settings import NightlyConfig
from tasks.errors import UserError

Model = TypeVar("Model", bound=BaseModel)
Values = dict[str, Any]
#: dotted name of a setting to the words that say where its value came from
Origins = dict[str, str]

#: settings that change no number, or have a flag of their own in `command_for`
#: settings that are paths: where a file lies changes no number, and stands in no report
PATHS = ("advanced.features.file", "advanced.sweep.strategy_file")
_NOT_REPEATED = ("data_date", "size", "note", "language", "data.path", "advanced.report")


def nightly_config(
    file: Path | None, flags: Mapping[str, str | None], overrides: Sequence[str]
) -> NightlyConfig:
    """Settings of a night, see `configured`."""
    return configured(NightlyConfig, file, flags, overrides)


def configured(
    model: type[Model],
    file: Path | None,
    flags: Mapping[str, str | None],
    overrides: Sequence[str],
) -> Model:
    """Settings of a flow.

    Args:
        model: the flow's settings.
        file: TOML file with any part of them.
        flags: dotted name of a setting to the value of its own flag, None where it was not given.
        overrides: texts such as `advanced.train.rounds=50`.

    Raises:
        UserError: unknown setting, value out of range, unreadable file.
    """
    values: Values = {}
    origins: Origins = {}
    if file is not None:
        values = _read(file)
        origins |= dict.fromkeys(_leaves(values), str(file))
    for name, value in flags.items():
        if value is not None:
            _put(values, name, value, _flag(name))
            origins[name] = _flag(name)
    for text in overrides:
        name, value = _split(text)
        _put(values, name, value, f"--set {text}")
        origins[name] = f"--set {text}"
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise UserError(_sentence(error, origins, model)) from error


def as_toml(model: BaseModel) -> str:
    """All settings as a TOML file: every one with its meaning, at its present value."""
    return "\n".join(_toml_lines(model, "")).strip() + "\n"


def command_for(config: NightlyConfig, day: str) -> str:
    """The command that computes the same numbers again: every setting that is not its default.

    Of paths only the last part is given, for it stands in reports that others read.
    """
    words = ["qilin", "nightly", "--data-date", day, "--size", config.size]
    if config.data.path:
        words += ["--data-path", Path(config.data.path).name]
    given = dict(_values(config))
    for name, default in _values(NightlyConfig()):
        if given[name] != default and not name.startswith(_NOT_REPEATED):
            value = Path(given[name]).name if name in PATHS else given[name]
            words += ["--set", f"{name}={_bare(name, value)}"]
    return shlex.join(words)


def _values(model: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from _values(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _bare(name: str, value: Any) -> str:
    """A value as typed behind `--set NAME=`: texts without quotes where they stay texts."""
    if isinstance(value, str) and _split(f"{name}={value}")[1] == value:
        return value
    return _toml_value(value)


def _read(file: Path) -> Values:
    try:
        return {k: _plain(v) for k, v in tomllib.loads(file.read_text(encoding="utf-8")).items()}
    except OSError as error:
        raise UserError(
            f"settings file {file} cannot be read ({error.strerror}): give the path of a TOML file "
            "with --config, or leave it out for the defaults"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"settings file {file} is no valid TOML: {error}") from error


def _plain(value: Any) -> Any:
    """TOML's dates are texts in the settings."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return value.isoformat() if isinstance(value, (dt.date, dt.time)) else value


def _split(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise UserError(f"--set {text}: write NAME=VALUE, such as --set advanced.train.rounds=50")
    try:
        parsed = _plain(tomllib.loads(f"value = {value}")["value"])
    except tomllib.TOMLDecodeError:  # a bare word is a text
        parsed = value
    return name.strip().replace("-", "_"), parsed


def _put(values: Values, name: str, value: Any, origin: str) -> None:
    *path, last = name.split(".")
    place: Any = values
    for part in path:
        place = place.setdefault(part, {})
        if not isinstance(place, dict):
            raise UserError(f"{origin}: {part} was given as a value, not as a table of settings")
    place[last] = value


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in values.items():
        yield prefix + name
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")


_SEE = "see: qilin settings"


def _sentence(error: ValidationError, origins: Mapping[str, str], model: type[BaseModel]) -> str:
    """One sentence; of several faults, a line for each."""
    found = []
    for fault in error.errors(include_url=False):
        name = ".".join(str(part) for part in fault["loc"])
        found.append(f"{_origin(name, origins)}: {_fault(name, dict(fault), model)}")
    return f"{found[0]}; {_SEE}" if len(found) == 1 else "\n".join([*found, _SEE])


def _flag(name: str) -> str:
    """A setting's own flag: that of the data's path says of what."""
    last = name if name == "data.path" else name.rpartition(".")[2]
    return "--" + last.replace("_", "-").replace(".", "-")


def _origin(name: str, origins: Mapping[str, str]) -> str:
    """Where a value came from: that of the longest known beginning of its name."""
    known = [k for k in origins if name == k or name.startswith(k + ".")]
    return origins[max(known, key=len)] if known else "settings"


def _fault(name: str, fault: Mapping[str, Any], model: type[BaseModel]) -> str:
    if fault["type"] == "extra_forbidden":
        guess = difflib.get_close_matches(name, all_names(model), n=1, cutoff=0.6)
        return f"{name} is no setting" + (f" (did you mean {guess[0]}?)" if guess else "")
    message = str(fault["msg"]).removeprefix("Value error, ")
    return f"{name} is {fault['input']!r}: {message[:1].lower()}{message[1:]}"


def all_names(model: type[BaseModel] = NightlyConfig, prefix: str = "") -> list[str]:
    """Dotted names of all settings."""
    names = []
    for name, field in model.model_fields.items():
        names.append(prefix + name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            names += all_names(field.annotation, f"{prefix}{name}.")
    return names


def _toml_lines(model: BaseModel, prefix: str) -> Iterator[str]:
    """Own values first, tables after them, as TOML wants it."""
    tables = []
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            tables.append((name, field.title or name, value))
            continue
        if field.description:
            yield f"# {field.description}"
        yield f"{name} = {_toml_value(value)}"
    for name, title, value in tables:
        yield ""
        yield f"# {title}"
        yield f"[{prefix}{name}]"
        yield from _toml_lines(value, f"{prefix}{name}.")


def _toml_value(value: Any) -> str:
    if isinstance(value, Mapping):
        pairs = (f"{json.dumps(str(k))} = {_toml_value(v)}" for k, v in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml_value(v) for v in value) + "]"
    return json.dumps(value, ensure_ascii=False)
