"""Every number of the report that has a name: what it is, and the step that it is read from."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]

#: shown where names are suggested
KINDS = "a factor, a trial, a stock, `fold 1` or `portfolio sharpe net`"


@dataclasses.dataclass(frozen=True)
class Named:
    """A number of the report.

    Attributes:
        name: by which people ask for it, such as `portfolio sharpe net`.
        value: as text, with what it is.
        step: whose artifact holds it.
    """

    name: str
    value: str
    step: str


def find(name: str, summary: Json) -> Named | None:
    """The number of a name, or of the only name that begins so; None if there is none."""
    wanted = " ".join(name.replace(",", " ").split()).casefold()
    known = {n.name.casefold(): n for n in numbers(summary)}
    begun = [n for key, n in known.items() if wanted and key.startswith(wanted)]
    return known.get(wanted) or (begun[0] if len(begun) == 1 else None)


def numbers(summary: Json) -> Iterator[Named]:
    """All of them, of the parts that the night has."""
    night = summary.get("night") or {}
    for portfolio in night.get("portfolios", ()) if _whole(night, "portfolios") else ():
        for metric in portfolio["metrics"]:
            what = f"{_english(metric['name'])} {_english(metric['basis'])}".replace(",", "")
            yield Named(f"portfolio {what.lower()}", _estimate(metric["value"]), "portfolio")
    for row in _rows(night, "factors"):
        yield Named(row["name"], f"mean rank IC {_estimate(row['ic'])}", "factors")
    for row in _rows(night, "trials"):
        text = f"net Sharpe per year {_estimate(row['sharpe'])}, {row['state']}"
        yield Named(row["name"], text, "trials")
    for row in _rows(night, "ranking"):
        yield Named(row["symbol"], f"rank {row['rank']}, score {row['score']:.6g}", "ranking")
    for fold in night["model"].get("folds", ()) if _whole(night, "model") else ():
        text = f"mean rank IC on its test days {_estimate(fold['test'])}"
        yield Named(f"fold {fold['number']}", text, "predictions")


def _rows(night: Json, part: str) -> list[Json]:
    return list(night[part].get("rows", ())) if _whole(night, part) else []


def _whole(night: Json, part: str) -> bool:
    """Whether a night has a part, and not the reason why it does not."""
    found = night.get(part)
    return bool(found) and not (isinstance(found, Mapping) and "why" in found)


def _english(words: Any) -> str:
    return str(words["en"] if isinstance(words, Mapping) else words)


def _estimate(value: Json) -> str:
    """`0.91 [0.42, 1.38]`, without an interval where there is none."""
    shown = [_digits(value[name]) for name in ("value", "low", "high")]
    interval = f" [{shown[1]}, {shown[2]}]" if value["low"] is not None else ""
    return f"{shown[0]}{interval}"


def _digits(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"
