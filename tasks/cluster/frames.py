"""Long frames cut by symbol and put together again: no row is near a border, none is lost.

A cut keeps a symbol's rows together, so that windows see all of them, and remembers where each row
came from, so that the result has the frame's own order. How many blocks there are never shows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.cluster.outcomes import Outcome
from tasks.errors import UserError
from tasks.indicators.longframe import opened
from tasks.indicators.rowkeys import Keys

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

ERROR = "error"


@dataclasses.dataclass(frozen=True)
class Part:
    """Rows of whole symbols.

    Attributes:
        symbols: their names, in order of appearance; one empty name without a symbol column.
        positions: their rows' positions in the whole frame, ascending.
    """

    symbols: tuple[str, ...]
    positions: NDArray[np.intp]

    def of(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The part's rows."""
        return frame.iloc[self.positions]


def checked(frame: Any) -> pd.DataFrame:
    """A pandas frame as it is; anything else is the user's mistake."""
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise UserError(
            f"a {type(frame).__name__} cannot be cut by symbol: give a pandas frame "
            "(frame.to_pandas())"
        )
    return frame


def keys_of(frame: pd.DataFrame) -> Keys:
    """What says whose each row is, and of which day: columns, or levels of the index."""
    return Keys.find(opened(frame))


def by_symbol(frame: pd.DataFrame) -> list[Part]:
    """One part per symbol, in order of appearance; one part in all without symbols."""
    import pandas as pd

    names, numbers = keys_of(frame).symbols()
    codes, present = pd.factorize(numbers)
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=len(present)))
    rows = np.split(order, ends[:-1]) if len(present) else []
    return [Part((names[n],), r) for n, r in zip(present, rows, strict=True)]


def joined(parts: Sequence[Part], count: int) -> list[Part]:
    """Neighbouring parts put together into `count` parts or fewer, about equal in rows."""
    total = sum(len(p.positions) for p in parts)
    groups: dict[int, list[Part]] = {}
    seen = 0
    for part in parts:
        groups.setdefault(seen * count // max(1, total), []).append(part)
        seen += len(part.positions)
    return [
        Part(
            tuple(s for p in group for s in p.symbols),
            np.sort(np.concatenate([p.positions for p in group])),
        )
        for group in groups.values()
    ]


def add_columns(
    frame: pd.DataFrame, parts: Sequence[Part], outcomes: Sequence[Outcome]
) -> pd.DataFrame:
    """The frame with the columns that each part's outcome gives for its rows.

    A failed part's rows keep their own columns, have NaN in the new ones, and say why in `error`,
    a column that is there only if something failed. If all failed there is no result: an error.
    """
    _not_all_failed(outcomes)
    good = [(p, o.value) for p, o in zip(parts, outcomes, strict=True) if o.error is None]
    found: dict[str, list[tuple[Part, NDArray[Any]]]] = {}
    for part, value in good:
        for name, values in value.items():
            found.setdefault(str(name), []).append((part, np.asarray(values)))
    columns = {name: _column(len(frame), pieces) for name, pieces in found.items()}
    return frame.assign(**columns, **_errors(len(frame), parts, outcomes))


def replaced(
    frame: pd.DataFrame, parts: Sequence[Part], outcomes: Sequence[Outcome]
) -> pd.DataFrame:
    """The frames that took the place of the parts' rows, in the whole frame's order.

    A failed part's rows stay as they were and say why in `error`.
    """
    import pandas as pd

    _not_all_failed(outcomes)
    if not parts:
        return frame.copy(deep=False)
    pieces = [
        o.value if o.error is None else p.of(frame) for p, o in zip(parts, outcomes, strict=True)
    ]
    order = np.argsort(np.concatenate([part.positions for part in parts]))
    whole: pd.DataFrame = pd.concat(pieces).iloc[order]
    return whole.assign(**_errors(len(frame), parts, outcomes))


def stacked(symbols: Sequence[str], outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Results of any length one below the other, `symbol` first; a failed one is a row.

    A frame gives its rows, a series or mapping one row, anything else a row with `result`.
    """
    import pandas as pd

    pieces = [_piece(s, o) for s, o in zip(symbols, outcomes, strict=True)]
    if not pieces:
        return pd.DataFrame({"symbol": pd.Series([], dtype=object)})
    _not_all_failed(outcomes)
    columns = dict.fromkeys(c for p in pieces for c in p.columns if c != ERROR)
    failed = any(o.error is not None for o in outcomes)
    return pd.concat(pieces, ignore_index=True)[[*columns, *([ERROR] if failed else [])]]


def _piece(symbol: str, outcome: Outcome) -> pd.DataFrame:
    import pandas as pd

    value = outcome.value
    if outcome.error is not None:
        return pd.DataFrame({"symbol": [symbol], ERROR: [outcome.error]})
    if isinstance(value, pd.DataFrame):
        piece = value.reset_index() if isinstance(value.index, pd.DatetimeIndex) else value
        piece = piece.rename(columns={"index": "date"}) if "date" not in piece else piece
    elif isinstance(value, (pd.Series, Mapping)):
        piece = pd.DataFrame([dict(value)])
    else:
        piece = pd.DataFrame({"result": [value]})
    rest = piece.drop(columns="symbol", errors="ignore")
    rest.insert(0, "symbol", symbol)
    return rest


def _not_all_failed(outcomes: Sequence[Outcome]) -> None:
    if outcomes and all(o.error is not None for o in outcomes):
        raise UserError(f"every symbol failed, the first with: {outcomes[0].error}")


def _errors(rows: int, parts: Sequence[Part], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    if all(o.error is None for o in outcomes):
        return {}
    errors = np.full(rows, None, dtype=object)
    for part, outcome in zip(parts, outcomes, strict=True):
        errors[part.positions] = outcome.error
    return {ERROR: errors}


def _column(rows: int, pieces: Sequence[tuple[Part, NDArray[Any]]]) -> NDArray[Any]:
    """One column out of its parts; its type depends on the values alone, not on the cut."""
    kinds = {array.dtype for _, array in pieces}
    kind = np.result_type(*kinds) if all(k.kind in "biuf" for k in kinds) else np.dtype(object)
    if sum(len(part.positions) for part, _ in pieces) < rows and kind.kind != "O":
        kind = np.result_type(kind, np.float64) if kind.kind in "iuf" else np.dtype(object)
    column = np.full(rows, None if kind.kind == "O" else np.nan if kind.kind == "f" else 0, kind)
    for part, array in pieces:
        column[part.positions] = array
    return column
