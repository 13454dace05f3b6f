"""Many indicators of one panel or frame at once.

Each block of symbols is brought into cache and compacted to its trading days once; what several
indicators need (true range, averages, extremes) is computed once; results go straight from cache
into the grids, in the dtype asked for. Everything is computed in float64.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.arrays import recycling
from tasks.arrays.benches import CPU
from tasks.arrays.together import together
from tasks.data.panel import Panel
from tasks.errors import UserError
from tasks.indicators.lanes import Indicator, enter, most, several, windows
from tasks.indicators.longframe import LongFrame
from tasks.indicators.results import block_of, dtype_of
from tasks.indicators.rowkeys import make_room

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.arrays.benches import Bench
    from tasks.indicators.lanes import Array, Tile
    from tasks.indicators.trading import Window

    Request = tuple[str, Mapping[str, Any]]

#: a day without this price was not traded, whatever else is known of it
PRICE = "close"


@dataclasses.dataclass(frozen=True)
class Column:
    """One indicator to compute: on which fields, with which parameters, and what results are named.

    Attributes:
        indicator: what is computed.
        fields: names of the fields for its inputs.
        parameters: its parameters, all of them.
        names: name of each of its results.
    """

    indicator: Indicator[Any, Any]
    fields: tuple[str, ...]
    parameters: Mapping[str, Any]
    names: tuple[str, ...]

    @classmethod
    def read(cls, name: str, request: Request | str) -> Column:
        """Understand `("rsi", {"timeperiod": 14})`, where an input's name may choose a field."""
        wanted, given = _request(name, request)
        indicator = _find(name, wanted)
        unknown = set(given) - set(indicator.inputs) - set(indicator.defaults)
        if unknown:
            raise UserError(
                f"{name}: {wanted} has no parameter {', '.join(map(repr, sorted(unknown)))}: it "
                f"has {', '.join((*indicator.inputs, *indicator.defaults))}"
            )
        parameters = {**indicator.defaults, **given}
        fields = tuple(str(parameters.pop(i, i)) for i in indicator.inputs)
        indicator.check(parameters)
        outputs = indicator.outputs
        names = tuple(f"{name}_{output}" for output in outputs) if outputs else (name,)
        return cls(indicator, fields, parameters, names)

    def on(self, tile: Tile, window: Window, always: tuple[str, ...]) -> tuple[Any, list[Array]]:
        """Its days in a window, and its results on them."""
        days = window.days((*self.fields, *always))
        series = enter(tile, window, days, self.fields)
        return days, list(several(self.indicator.on_tile(tile, *series, **self.parameters)))


def compute(
    requests: Mapping[str, Request | str],
    bars: Any,
    dtype: Any = np.float64,
    *,
    block: int | None = None,
    bench: Bench = CPU,
) -> Any:
    """Many technical indicators at once, several times faster than one after the other.

    Args:
        requests: name of each result to `(indicator, parameters)`, or just the indicator's name;
            `{"rsi_6": ("rsi", {"timeperiod": 6}), "vol_20": ("sma", {"close": "volume",
            "timeperiod": 20}), "macd": "macd"}`. A parameter with the name of an input chooses
            the field it is computed on. An indicator with several results gives one each, with
            the result's name behind: `macd_macd`, `macd_macdsignal`, `macd_macdhist`.
        bars: a panel; a long frame (pandas, polars, cudf) with one row per bar, a column `symbol`
            and a column `date`, or both in its index; or a mapping of names to series (T,) or
            grids (T dates x N symbols) of any array kind.
        dtype: dtype of the results, float64 or float32; sums are float64 either way.
        block: symbols computed side by side, at least 1; changes the speed, never a bit.
        bench: where the kernels run.

    Returns:
        Name to grid (T, N), for a mapping in the kind and shape of `close`, or of the first field
        that is read; for a long frame the frame in kind, with one column more per result.
        Each is what the indicator's own function gives for these fields on the symbol's trading
        days. A day with NaN in `close` (where there is such a field) or in an indicator's own
        input is skipped and stays NaN.

    Errors: `UserError` names unknown indicators, parameters and fields.
    """
    if not isinstance(requests, Mapping):
        raise UserError(
            f"the requests are {requests!r}: give a mapping of names to indicators, such as "
            "{'fast': ('sma', {'timeperiod': 5})}"
        )
    kind, size = dtype_of(dtype), block_of(block)
    columns = [Column.read(name, request) for name, request in requests.items()]
    needed = list(dict.fromkeys(field for column in columns for field in column.fields))
    if isinstance(bars, Panel):
        return _on_grids(columns, _read(bars.fields, needed)[0], kind, size, bench)
    if isinstance(bars, Mapping):
        grids, leave = _read(bars, needed)
        found = _on_grids(columns, grids, kind, size, bench)
        return {name: leave(grid) for name, grid in found.items()}
    return _on_frame(columns, bars, needed, kind)


def _request(name: Any, request: Any) -> tuple[str, Mapping[str, Any]]:
    """The indicator and the parameters that are asked for."""
    pair = (request, {}) if isinstance(request, str) else request
    wanted, given = pair if isinstance(pair, (tuple, list)) and len(pair) == 2 else (None, None)
    if not (isinstance(name, str) and isinstance(wanted, str) and isinstance(given, Mapping)):
        raise UserError(
            f"{name!r}: {request!r} is no indicator: give the result a text as its name, and "
            "an indicator's name or a pair such as ('rsi', {'timeperiod': 6})"
        )
    return wanted, given


def _find(name: str, wanted: str) -> Indicator[Any, Any]:
    from tasks.indicators import technical

    found = getattr(technical, wanted, None)
    if isinstance(found, Indicator):
        return found
    public = ", ".join(n for n in technical.__all__ if n.islower() and n != "compute")
    raise UserError(f"{name}: there is no indicator {wanted!r}: choose one of {public}")


def _on_frame(columns: list[Column], bars: Any, needed: list[str], dtype: Any) -> Any:
    frame = LongFrame.read(bars, needed)
    make_room([n for column in columns for n in column.names], frame.names, frame.keys)
    wanted = [PRICE, *needed] if PRICE in frame.names else needed
    grids = {name: frame.grid(name) for name in dict.fromkeys(wanted)}
    return frame.with_columns(_on_grids(columns, grids, dtype, None, CPU))


def _read(
    fields: Mapping[str, Any], needed: list[str]
) -> tuple[dict[str, Array], Callable[[NDArray[Any]], Any]]:
    """The fields that are needed as grids, and the way back to the first one's kind."""
    missing = [name for name in needed if name not in fields]
    if missing:
        raise UserError(
            f"there is no field {', '.join(map(repr, missing))} among "
            f"{', '.join(map(str, fields))}: add it, or choose a field by the name of the "
            "indicator's input"
        )
    wanted = [PRICE, *needed] if PRICE in fields and needed else needed
    if not wanted:
        return {}, lambda result: result
    return together({name: fields[name] for name in dict.fromkeys(wanted)})


def _on_grids(
    columns: list[Column], grids: dict[str, Array], dtype: Any, block: int | None, bench: Bench
) -> dict[str, NDArray[Any]]:
    if not columns:
        return {}
    always = (PRICE,) if PRICE in grids else ()
    shape = next(iter(grids.values())).shape
    outs = {name: recycling.empty(shape, dtype) for column in columns for name in column.names}
    for window, tile in windows(grids, block, bench):
        for column in columns:
            days, results = column.on(tile, window, always)
            for name, result in bench.leave_each(zip(column.names, results, strict=True)):
                window.scatter(result, days, outs[name], most(dtype, finite=False))
    return outs
