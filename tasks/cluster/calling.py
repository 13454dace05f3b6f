"""How a user's function is called: by the names and the number of its parameters.

Functions written for other stacks take `(symbol, data)`, `(data)`, `(strategy, data)`,
`(data, strategy)`, one dictionary or one argument per parameter; each of these works. What they
get is theirs: a function that writes into its data changes neither the caller's data nor what the
next call sees.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

DATA_NAMES = frozenset({"data", "df", "frame", "prices", "bars", "ohlcv", "panel", "market_data"})

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def with_data(function: Callable[..., Any], key: Any, data: Any) -> Any:
    """Call with a symbol or a strategy, and data: `(key, data)`, `(data, key)` or `(data)`.

    The order is `(key, data)` unless the first parameter has a data's name and the second has
    none; a function of one required parameter gets the data, or the key if the parameter's name
    says nothing of data and the key is a strategy (a mapping).
    """
    names = required(function)
    given = own(data)
    if len(names) == 1:
        takes_key = isinstance(key, Mapping) and names[0] not in DATA_NAMES
        return function(key) if takes_key else function(given)
    if len(names) >= 2 and names[0] in DATA_NAMES and names[1] not in DATA_NAMES:
        return function(given, key)
    return function(key, given)


def with_parameters(function: Callable[..., Any], parameters: Mapping[str, Any]) -> Any:
    """Call with one parameter set: by name if the function names them, else as one dictionary."""
    names = required(function)
    named = _named(function)
    if set(names) <= parameters.keys() <= named and (names or parameters.keys() & named):
        return function(**parameters)
    return function(dict(parameters))


def required(function: Callable[..., Any]) -> list[str]:
    """Names of the positional parameters without a default; none if it cannot be asked."""
    return [p.name for p in _parameters(function) if p.kind in _POSITIONAL and p.default is p.empty]


def own(data: Any) -> Any:
    """The data so that writing into it is seen by nobody else, without copying what is large.

    pandas objects copy on write, arrays are shown read-only, dictionaries and lists member by
    member; other objects are passed as they are.
    """
    if isinstance(data, np.ndarray):
        view = data.view()
        view.flags.writeable = False
        return view
    if isinstance(data, dict):
        return {key: own(value) for key, value in data.items()}
    if isinstance(data, list):
        return [own(value) for value in data]
    if type(data).__module__.split(".")[0] == "pandas" and hasattr(data, "copy"):
        return data.copy(deep=False)
    return data


def _named(function: Callable[..., Any]) -> set[str]:
    return {
        p.name
        for p in _parameters(function)
        if p.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    }


def _parameters(function: Callable[..., Any]) -> Iterable[inspect.Parameter]:
    try:
        return inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some builtins tell nothing about themselves
        return ()
