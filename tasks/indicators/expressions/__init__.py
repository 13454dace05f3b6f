"""The factor language: Qlib's expressions and operators, plus operators across symbols.

    evaluate({"MA5": "Mean($close, 5) / $close", "SIZE": "CSRank($amount)"}, panel)

Read in this order: `lexer` (text to tokens), `parser` (tokens to a graph), `operators` (what there
is), `planner` (what is computed when), `evaluating` (on a panel), `frames` (on a long frame).

Fields are `$close`, signs are Python's (`+ - * / ** < <= > >= == != & |`), a window of n is the
last n calendar rows. As in Qlib, missing values are left out of windows and one value is enough;
comparisons of missing values are 0; deviations divide by n - 1; `Std` of one value is missing.
Infinite values count in `Count` and are left out of other windows. `Skew` and `Kurt` of equal
values are 0 and -3, as in Qlib with pandas before 3.1, which says missing. Rows before a symbol's
first price are missing whatever the expression. A window longer than the panel takes what there is,
as in Qlib.

`CSRank`, `CSZScore`, `CSDemean` and `CSWinsorize` compare the symbols of a day; with a group as
their last argument, those of one group: `CSDemean($close / Ref($close, 5), $industry)`. Equal
numbers are one group, and a symbol without a number belongs to none: its result is missing.

A new operator is an entry in `operators` with its kernel in `kernels.windows`, and an oracle in
`tests/indicators/expression_oracle.py`, which the tests of all operators then take up.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tasks.indicators.expressions.evaluating import evaluate
    from tasks.indicators.expressions.frames import calculate_factors
    from tasks.indicators.expressions.parser import parse

__all__ = ["calculate_factors", "evaluate", "parse"]

_HOMES = {"calculate_factors": "frames", "evaluate": "evaluating", "parse": "parser"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
