"""Work for a GPU is written down first and done later, as much of it side by side as can be.

A formula launches one kernel after the other, and one kernel over a few thousand lanes leaves most
of a GPU idle. So calls and arithmetic on a GPU's arrays only note what is wanted; when numbers are
needed, all that waits is done level by level. Calls of one kernel on one level become the work
items of one launch, other kernels of that level run beside it on streams of their own.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.arrays.benches import Each, count_items

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: most work items of one launch, so that arguments laid side by side stay small beside the results
MOST_ITEMS = 64
#: by convention: an argument of kernels that only they read, and one that they write to
SCRATCH, RESULT = "s", "out"


class Deferred(np.lib.mixins.NDArrayOperatorsMixin):
    """An array on a device whose numbers may still be outstanding.

    It knows numpy's arithmetic, comparisons and functions of elements (also with `out`), `where`,
    `astype`, `reshape` and indexing; anything else makes the outstanding work happen first.

    Attributes:
        shape: of the array.
        level: how many kernels must run one after the other before the numbers are there.
        read: highest level of the work that reads them as they are then.
    """

    def __init__(
        self, queue: Queue, shape: tuple[int, ...], value: Any = None, dtype: Any = np.float64
    ) -> None:
        self.queue, self.shape, self.value, self.dtype = queue, shape, value, dtype
        self.level = self.read = 0
        self.untouched, self.part, self.waits = value is None, False, False

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def now(self) -> Any:
        """The device's array, with all outstanding work done."""
        if self.waits:
            self.queue.finish()
        if self.value is None:
            assert self.untouched, "the work that makes this array has failed"
            self.value, self.untouched = self.queue.library.empty(self.shape, self.dtype), False
        return self.value

    def astype(self, dtype: Any, copy: bool = True) -> Deferred:
        """The numbers in another type."""
        return self._later(lambda x: x.astype(dtype, copy=copy), (self,), self.shape)

    def reshape(self, *shape: int) -> Deferred:
        """The same numbers in another shape; of an array not yet written to, another array."""
        if self.untouched:
            return Deferred(self.queue, shape, dtype=self.dtype)
        return self._part(lambda x: x.reshape(shape), shape)

    def __getitem__(self, key: Any) -> Deferred:
        shape = np.broadcast_to(np.empty(()), self.shape)[key].shape
        return self._part(lambda x: x[key], shape)

    def __setitem__(self, key: Any, values: Any) -> None:
        if isinstance(key, slice) and key == slice(None) and not self.part:
            self._later(lambda x: x, [values], self.shape, self)
            return
        self.queue.finish()  # whatever still reads the numbers of before
        self.now()[key] = _now(values)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        (into,) = options.pop("out", (None,))
        if method != "__call__" or options or getattr(into, "part", False):
            given = {} if into is None else {"out": _now(into)}
            made = getattr(ufunc, method)(*map(_now, inputs), **options, **given)
            return made if into is None else into
        shape = np.broadcast_shapes(*map(_shape, inputs))
        return self._later(ufunc, inputs, shape, into)

    def __array_function__(self, function: Any, _: Any, inputs: Any, options: Any) -> Any:
        if function is np.ndim:
            return self.ndim
        if function is np.where and not options:
            return self._later(np.where, inputs, np.broadcast_shapes(*map(_shape, inputs)))
        if function is np.copyto and set(options) == {"where"} and not inputs[0].part:
            if inputs[0].untouched:
                inputs[0].now()
            chosen = (options["where"], inputs[1], inputs[0])
            return self._later(np.where, chosen, inputs[0].shape, inputs[0])
        given = {name: _now(value) for name, value in options.items()}
        return function(*map(_now, inputs), **given)

    def _part(self, function: Callable[..., Any], shape: tuple[int, ...]) -> Deferred:
        """A view: what is written to it is written to the whole."""
        made = self._later(function, (self,), shape)
        made.part = True
        return made

    def _later(
        self,
        function: Callable[..., Any],
        inputs: Sequence[Any],
        shape: tuple[int, ...],
        into: Deferred | None = None,
    ) -> Deferred:
        """Note a function of whole arrays; what it gives is new, or takes an old one's place."""
        made = Deferred(self.queue, shape) if into is None else into
        work = function if into is None else functools.partial(_fitted, function, into)
        level = max(_level(inputs), made.level, made.read)
        self.queue.note(_Arithmetic(work, tuple(inputs), made, level))
        return made


def _fitted(function: Callable[..., Any], into: Deferred, *arguments: Any) -> Any:
    """What a function gives, copied in an old array's shape and type."""
    library = into.queue.library
    return library.array(library.broadcast_to(function(*arguments), into.shape), into.dtype)


@dataclasses.dataclass(frozen=True, eq=False)
class _Arithmetic:
    """One function of whole arrays; done after the kernels of its level."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    made: Deferred
    level: int

    @property
    def written(self) -> list[Deferred]:
        """What it makes."""
        return [self.made]


@dataclasses.dataclass(frozen=True, eq=False)
class _Call:
    """One call of a kernel.

    Attributes:
        kernel: what is called.
        lanes: its lanes.
        arguments: arrays and numbers.
        new: places of the arrays that it makes; one that makes none changes its `RESULT`.
        level: when it can run.
    """

    kernel: Any
    lanes: int
    arguments: tuple[Any, ...]
    new: frozenset[int]
    level: int

    @property
    def likeness(self) -> tuple[Any, ...]:
        """Calls that are alike in this can be one launch; one that changes an array is alone."""
        scratch = names_of(self.kernel).get(SCRATCH, -1)
        described: list[Any] = [self.kernel, self.lanes, None if self.new else id(self)]
        for place, argument in enumerate(self.arguments):
            if place == scratch and place in self.new:
                described.append(argument.shape[1:])
            elif hasattr(argument, "shape") and np.ndim(argument):
                described.append((argument.shape, place in self.new))
            else:
                described.append(type(argument))
        return tuple(described)

    @property
    def written(self) -> list[Deferred]:
        """The arrays that it makes or changes."""
        places = self.new or {names_of(self.kernel)[RESULT]}
        return [self.arguments[place] for place in places]


def names_of(kernel: Any) -> dict[str, int]:
    """Place of each of a kernel's arguments by its name."""
    code = kernel.py_func.__code__
    return {name: place for place, name in enumerate(code.co_varnames[: code.co_argcount])}


class Queue:
    """What a device still has to do.

    Args:
        library: cupy, or numpy in the simulator.
        launch: `twins.launch` or what stands in for it.
        streams: numba's streams for launches of one level; none: one after the other.
        wait: waits for all streams.
    """

    def __init__(
        self,
        library: Any,
        launch: Callable[..., None],
        streams: Sequence[Any] = (0,),
        wait: Callable[[], None] = lambda: None,
    ) -> None:
        self.library, self.launch, self.streams, self.wait = library, launch, streams, wait
        self.waiting: list[_Arithmetic | _Call] = []

    def note(self, work: _Arithmetic | _Call) -> None:
        """Remember some work; what it makes has its level from now on."""
        for array in work.arguments:
            if isinstance(array, Deferred):
                array.read = max(array.read, work.level)
        for array in work.written:
            array.level, array.untouched, array.waits = work.level, False, True
        self.waiting.append(work)

    def call(self, kernel: Any, lanes: int, arguments: tuple[Any, ...]) -> None:
        """Note a call; one that has items already, or only changes old arrays, is done at once."""
        new = frozenset(i for i, a in enumerate(arguments) if getattr(a, "untouched", False))
        result = names_of(kernel).get(RESULT, -1)
        if not any(isinstance(a, Each) for a in arguments):
            if new:
                self.note(_Call(kernel, lanes, arguments, new, 1 + _level(arguments)))
                return
            if isinstance(arguments[result], Deferred) and result >= 0:
                level = 1 + max(_level(arguments), arguments[result].read)
                self.note(_Call(kernel, lanes, arguments, new, level))
                return
        self.finish()
        each = tuple(isinstance(a, Each) for a in arguments)
        now = tuple(_now(a.values if isinstance(a, Each) else a) for a in arguments)
        self.launch(kernel, lanes, count_items(arguments), now, each)
        self.wait()

    def finish(self) -> None:
        """Do all that waits."""
        waiting, self.waiting = self.waiting, []
        waiting.sort(key=lambda work: (work.level, isinstance(work, _Arithmetic)))
        for _, level in itertools.groupby(waiting, key=lambda work: work.level):
            work = list(level)
            self._launch_all([w for w in work if isinstance(w, _Call)])
            for arithmetic in (w for w in work if isinstance(w, _Arithmetic)):
                arithmetic.made.value = arithmetic.function(*map(_now, arithmetic.arguments))
            for array in (a for w in work for a in (*w.arguments, *w.written)):
                if isinstance(array, Deferred):
                    array.level, array.read, array.waits = 0, 0, False

    def _launch_all(self, calls: Iterable[_Call]) -> None:
        groups: dict[tuple[Any, ...], list[_Call]] = {}
        for call in calls:
            groups.setdefault(call.likeness, []).append(call)
        kept = []  # arguments stay until every stream is done with them
        parts = [
            alike[first : first + MOST_ITEMS]
            for alike in groups.values()
            for first in range(0, len(alike), MOST_ITEMS)
        ]
        for part, stream in zip(parts, itertools.cycle(self.streams), strict=False):
            kept.append(self._launch(part, stream))
        if kept:
            self.wait()

    def _launch(self, calls: list[_Call], stream: Any) -> tuple[Any, ...]:
        columns = [self._column(calls, place) for place in range(len(calls[0].arguments))]
        each = tuple(isinstance(column, Each) for column in columns)
        values = tuple(c.values if isinstance(c, Each) else c for c in columns)
        self.launch(calls[0].kernel, calls[0].lanes, len(calls), values, each, stream)
        return values

    def _column(self, calls: list[_Call], place: int) -> Any:
        """One argument of all calls: itself if it is the same, else one value per call."""
        arguments = [call.arguments[place] for call in calls]
        if place in calls[0].new:
            return self._new(arguments)
        first = arguments[0]
        if not np.ndim(first):
            same = all(a == first for a in arguments)
            return first if same else Each(self.library.asarray(np.array(arguments)))
        if all(a is first for a in arguments):
            return _now(first)
        return Each(self.library.stack([_now(a) for a in arguments]))

    def _new(self, arguments: list[Deferred]) -> Any:
        """Room for what all calls make, one piece of it per call."""
        rows = max(a.shape[0] for a in arguments)
        shape = (len(arguments), rows, *arguments[0].shape[1:])
        room = self.library.empty(shape, arguments[0].dtype)
        for number, array in enumerate(arguments):
            array.value = room[number, : array.shape[0]]
        return Each(room) if len(arguments) > 1 else room[0]


def _now(value: Any) -> Any:
    return value.now() if isinstance(value, Deferred) else value


def _level(values: Iterable[Any]) -> int:
    return max((v.level for v in values if isinstance(v, Deferred)), default=0)


def _shape(value: Any) -> tuple[int, ...]:
    return value.shape if isinstance(value, Deferred) else np.shape(value)
