"""`qilin diff` and `qilin explain`: why a number moved, and where it comes from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from flows import _compare, _history, _turns
from tasks.data.store import Store
from tasks.errors import NightFailedError

if TYPE_CHECKING:
    from flows._settings import NightlyConfig

_RUN = "Id, folder or name of a run, or a day; by default the newest run."


def diff(
    before: Annotated[str, Parameter(help="The earlier run: id, folder, name or day.")],
    now: Annotated[str, Parameter(help=_RUN)] = "",
    *,
    attribute: Annotated[
        bool,
        Parameter(
            negative="",
            help="Run the nights between the two, one input swapped at a time, and say how much "
            "of each number's change every input explains. Takes as long as those nights.",
        ),
    ] = False,
) -> int:
    """Show what differs between two runs: what went in, and the headline numbers."""
    store = Store()
    runs = [_history.summary_of(store, name) for name in (before, now)]
    chosen = [_history.settings_of(store, run["run"]["id"]) for run in runs]
    old, new = runs
    print(f"before   {_title(old)}\nnow      {_title(new)}\n")
    found = _compare.differences(old, new, *chosen)
    print("\n".join(d.line for d in found) or "every input is the same")
    first = _compare.first_difference(old, new)
    print(f"\nfirst artifact that differs: {first or 'none, all hashes are equal'}\n")
    print("\n".join(_numbers(_compare.numbers(old), _compare.numbers(new))))
    if attribute:
        at = [c.model_copy(update={"data_date": run["run"]["day"]})
              for c, run in zip(chosen, runs, strict=True)]  # fmt: skip
        rows = _compare.attribute(at[0], at[1], _run)
        print("\n".join(["", *_attribution(_compare.numbers(old), rows, _compare.numbers(new))]))
        others = [d for d in found if d.kind in _compare.NOT_SWAPPED]
        if others:
            print("the rest may come from: " + ", ".join(f"{d.kind} {d.name}" for d in others))
    return 0


def explain(
    number: Annotated[
        str,
        Parameter(
            help="A headline number, such as model_rank_ic, or a factor, trial, stock, 'fold 1' or "
            "'portfolio sharpe net' of the report; by default the headline is listed."
        ),
    ] = "",
    run: Annotated[str, Parameter(help=_RUN)] = "",
) -> int:
    """Show where a number comes from: the steps, artifacts, code and bars behind it."""
    summary = _history.summary_of(Store(), run)
    known = summary.get("headline", {})
    if not number:
        print("\n".join([_title(summary), *(f"{k} = {v}" for k, v in known.items())]))
        return 0
    from flows import _lineage

    links = _lineage.explain(number, summary)
    named = _lineage.value(number, summary)
    print(f"{named.name} = {named.value} of {_title(summary)}")
    print("\n".join(link.line for link in links))
    inputs = {k: str(v)[: _compare.HASH_DIGITS] for k, v in summary["inputs"].items() if v}
    print("inputs: " + ", ".join(f"{k} {v}" for k, v in inputs.items()))
    print(f"again: {summary['command']}")
    return 0


def _title(summary: Any) -> str:
    run = summary["run"]
    state = summary.get("state", "")
    return f"{run['flow']} {run['day']} {run['size']}, {state}, run {run['id']}"


def _numbers(before: _compare.Numbers, now: _compare.Numbers) -> Iterator[str]:
    names = list(dict.fromkeys([*before, *now]))
    width = max((len(name) for name in names), default=0)
    yield f"{'':<{width}}  {'before':>12}  {'now':>12}  {'change':>12}"
    for name in names:
        old, new = before.get(name), now.get(name)
        change = "" if old is None or new is None else f"{new - old:+12.6g}"
        yield f"{name:<{width}}  {_cell(old)}  {_cell(new)}  {change}"


def _cell(value: float | None) -> str:
    return f"{'none':>12}" if value is None else f"{value:12.6g}"


def _attribution(
    before: _compare.Numbers, rows: list[tuple[str, _compare.Numbers]], now: _compare.Numbers
) -> Iterator[str]:
    """A line per number and input: how much the number moved when that input was swapped."""
    yield "one input swapped at a time (the changes add up):"
    at = before
    for what, values in rows:
        yield from _moves(what, at, values)
        at = values
    yield from _moves("the rest", at, now)


def _moves(what: str, before: _compare.Numbers, now: _compare.Numbers) -> Iterator[str]:
    moved = {n: now[n] - before[n] for n in now if n in before and now[n] != before[n]}
    text = ", ".join(f"{n} {d:+.6g}" for n, d in moved.items()) or "moves nothing"
    yield f"  {what:<13} {text}"


def _run(config: NightlyConfig) -> _compare.Numbers:
    from flows._run import run_night

    noted = config.model_copy(update={"note": "between two runs, for qilin diff"})
    finished = run_night(noted, tags=[_turns.COMPARISON])
    if finished.error and not finished.summary:
        raise NightFailedError(f"a night between the two did not finish: {finished.error}")
    return _compare.numbers(finished.summary)
