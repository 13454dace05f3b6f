"""Trial sets: what a sweep or a search tried, kept so that every later judgement can count it.

A trial is a data family, a strategy's source, its parameters, costs and fills, and a universe. Its
identity is the hash of these, so scoring it again on a retry or on another night is no new trial.

A sweep or a search `emit`s one set: a frame with a row per trial. The ledger is the union of all
sets of a family: a folder of content-addressed files that only grows, so adding is idempotent, the
order does not matter, and nobody waits for a lock. What a night judges by is a `snapshot` of it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks import settings
from tasks.data import codec
from tasks.data.keys import canonical
from tasks.data.store import Artifact, Store
from tasks.errors import EnvironmentFaultError, UserError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

log = logging.getLogger(__name__)
#: ledgers and families of which the log has said that they count
_TOLD: set[tuple[str, str]] = set()
#: columns that every trial set has; months named like `2026-11` follow
COLUMNS = ("id", "strategy", "parameters", "days", "sharpe", "skew", "kurtosis")
_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")
_FILE = "trials.parquet"


def trial_id(
    *,
    family: str,
    strategy: str,
    parameters: Mapping[str, Any],
    costs: Any,
    universe: Any,
) -> str:
    """Identity of a trial, 64 hex digits.

    Args:
        family: data family, such as `simulated` or the name of a vendor's history; not a snapshot,
            so that another night's data is the same family.
        strategy: names what the strategy does, such as a hash of its source.
        parameters: its parameter set; the order of names does not matter.
        costs: costs and fills, a settings model or a JSON value.
        universe: rule that selects the stocks, a settings model or a JSON value.
    """
    return identifier(family=family, strategy=strategy, costs=costs, universe=universe)(parameters)


def identifier(
    *, family: str, strategy: str, costs: Any, universe: Any
) -> Callable[[Mapping[str, Any]], str]:
    """`trial_id` of many parameter sets that share all else, which is written down once."""
    head = {"costs": canonical(costs), "family": family}
    tail = {"strategy": strategy, "universe": canonical(universe)}
    # the text of one object with sorted names: costs, family, parameters, strategy, universe
    before = json.dumps(head, sort_keys=True)[:-1] + ', "parameters": '
    after = ", " + json.dumps(tail, sort_keys=True)[1:]

    def identify(parameters: Mapping[str, Any]) -> str:
        own = json.dumps(canonical(plain_numbers(parameters)), sort_keys=True)
        return hashlib.sha256(f"{before}{own}{after}".encode()).hexdigest()

    return identify


def trial_set(
    ids: Sequence[str],
    parameters: Sequence[Mapping[str, Any]],
    *,
    strategy: str,
    returns: NDArray[np.float64] | None = None,
    dates: NDArray[np.datetime64] | None = None,
    moments: Mapping[str, Sequence[float] | NDArray[np.float64]] | None = None,
) -> pd.DataFrame:
    """A set ready to `emit`: K trials with what is known of their scores.

    Args:
        ids: K identities, see `trial_id`.
        parameters: K parameter sets, for people to read.
        strategy: name of the strategy or of what was searched.
        returns: daily returns as they were judged, (K, D); their sums by month say how many of the
            trials are independent. None where a search has no daily returns.
        dates: the D days.
        moments: `days`, `sharpe` (per day), `skew` and `kurtosis` of each trial; what is not given
            is unknown, and a trial without a Sharpe ratio is counted but never scored.

    Raises:
        UserError: identities repeat, or lengths differ.
    """
    import pandas as pd

    if len(set(ids)) != len(ids) or len(ids) != len(parameters):
        raise UserError(
            f"a trial set of {len(ids)} identities, {len(set(ids))} of them different, has "
            f"{len(parameters)} parameter sets: give each trial once"
        )
    known = dict(moments or {})
    texts = [json.dumps(plain_numbers(p), sort_keys=True, default=str) for p in parameters]
    frame = pd.DataFrame({"id": list(ids), "strategy": strategy, "parameters": texts})
    days = np.asarray(known.get("days", np.zeros(len(ids))), dtype=np.int64)
    frame = frame.assign(days=days)
    for name in ("sharpe", "skew", "kurtosis"):
        frame[name] = np.asarray(known.get(name, np.full(len(ids), np.nan)), dtype=np.float64)
    if returns is None or dates is None:
        return frame
    return pd.concat([frame, _by_month(returns, dates)], axis=1)


def ledger_store(given: Store | str | None) -> Store | None:
    """The store whose ledger counts a sweep or a search by hand; None where it is not counted.

    Args:
        given: a store or its place; empty for what `QILIN_LEDGER` says, by default the nights' own
            store; None for none.

    Raises:
        EnvironmentFaultError: it cannot be written, which is told before the work and not after it.
    """
    if given is None:
        return None
    root = "" if isinstance(given, Store) else settings.ledger(given)
    store = given if isinstance(given, Store) else Store(root) if root else None
    if store is None:
        return None
    try:
        store.require_writable()
    except EnvironmentFaultError as error:
        raise EnvironmentFaultError(f"{error}, or count nothing with ledger=None") from error
    return store


def emit(store: Store, table: pd.DataFrame, *, family: str) -> Artifact:
    """Add a trial set to the ledger of a family; adding it again changes nothing.

    Every sweep and every search calls this once it has scored, whether or not anything was good:
    a search that is not counted makes every later survivor look better than it is.

    Args:
        store: where the ledger is.
        table: from `trial_set`.
        family: data family that the trials looked at.
    """
    _check(table)
    ordered = table.sort_values("id", ignore_index=True)
    content = codec.frame_bytes(ordered)
    key = hashlib.sha256(b"trial set\0" + family.encode() + b"\0" + content).hexdigest()
    found = store.find(key) or store.put(
        "trial_set", key, {_FILE: content}, rows=len(table), notes={"family": family}
    )
    tried = hashlib.sha256("".join(ordered["id"]).encode()).hexdigest()[:16]
    days = int(ordered["days"].max()) if len(ordered) else 0
    name = f"{tried}-{days:06d}-{key}"
    if name not in store.names(_folder(family)):
        store.note(f"{_folder(family)}/{name}", json.dumps(found.to_json()))
    return found


def emit_by_hand(store: Store, table: pd.DataFrame, *, family: str) -> None:
    """`emit` what a sweep or a search by hand tried; say once that it counts where nobody asked.

    Args:
        store: from `ledger_store`.
        table: from `trial_set`.
        family: data family.
    """
    emit(store, table, family=family)
    unasked = not os.environ.get("QILIN_LEDGER") and store.root == settings.home()
    if unasked and (store.root, family) not in _TOLD:
        _TOLD.add((store.root, family))
        log.warning(
            "counted %s trials of %r in the ledger of %s, as all that follow: every report's bar "
            "rises with them; ledger=None or QILIN_LEDGER=none switches it off",
            f"{len(table):,}", family, store.root,
        )  # fmt: skip


def ledger(trial_sets: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Set union of trial sets: idempotent, independent of their order, without locks.

    A trial that stands in several sets is kept once, as the row with the most days; rows that tie
    are decided by their content, so that every order of the sets gives the same ledger.

    Args:
        trial_sets: frames with at least `id` (see `trial_id`) and `days`; columns may differ.

    Returns:
        One row per trial, sorted by `id`. Empty with the columns `id` and `days` for no sets.

    Raises:
        UserError: a set without these columns.
    """
    import pandas as pd

    frames = list(trial_sets)
    for frame in frames:
        _check(frame)
    frames = [f for f in frames if len(f)]
    if not frames:
        return pd.DataFrame({"id": pd.Series(dtype=str), "days": pd.Series(dtype="int64")})
    columns = sorted({c for f in frames for c in f.columns})
    joined = pd.concat([f.reindex(columns=columns) for f in frames], ignore_index=True)
    content = np.full(len(joined), "", dtype=object)
    ties = joined.duplicated(["id", "days"], keep=False).to_numpy()
    rows = joined[ties].itertuples(index=False)
    content[ties] = [json.dumps([_text(v) for v in row]) for row in rows]
    joined = joined.assign(_content=content).sort_values(
        ["id", "days", "_content"], ascending=[True, False, True]
    )
    kept = joined.drop_duplicates("id").drop(columns="_content")
    return kept.reset_index(drop=True)


def read_ledger(store: Store, family: str, without: Collection[str] = ()) -> pd.DataFrame:
    """The union of all trial sets of a family.

    Of sets that tried exactly the same, only the one over the most days is read: there is one
    for each night, and a trial counts once.

    Args:
        store: where the ledger is.
        family: data family.
        without: identities to leave out, such as those that are about to be scored again.
    """
    newest: dict[str, str] = {}
    for name in store.names(_folder(family)):  # sorted: the last of a kind has the most days
        newest[name.split("-", 1)[0]] = name
    pointers = [store.read_note(f"{_folder(family)}/{name}") for name in newest.values()]
    found = [Artifact.from_json(json.loads(text)) for text in pointers]
    # left out before the union, so that not even a column of theirs is left behind
    left_out = list(without)
    frames = (store.read_frame(artifact, _FILE) for artifact in found)
    return ledger(frame[~frame["id"].isin(left_out)] for frame in frames)


def families(store: Store) -> list[str]:
    """Families with a ledger."""
    found = set()
    for folder in store.names("ledger"):
        for name in store.names(f"ledger/{folder}")[:1]:
            text = store.read_note(f"ledger/{folder}/{name}")
            found.add(str(json.loads(text)["notes"]["family"]))
    return sorted(found)


def snapshot(store: Store, family: str, without: Collection[str] = ()) -> Artifact:
    """The ledger as it is now, as an artifact: a night's declared input.

    Args:
        store: where the ledger is.
        family: data family.
        without: identities to leave out: a night leaves out its own, so that running it again
            finds the same snapshot and does not count itself twice.
    """
    content = codec.frame_bytes(read_ledger(store, family, without))
    key = hashlib.sha256(b"ledger\0" + family.encode() + b"\0" + content).hexdigest()
    rows = len(codec.frame_from_bytes(content))
    return store.find(key) or store.put(
        "ledger", key, {_FILE: content}, rows=rows, notes={"family": family}
    )


def read_snapshot(store: Store, artifact: Artifact) -> pd.DataFrame:
    """The rows of a snapshot."""
    return store.read_frame(artifact, _FILE)


def months(table: pd.DataFrame) -> list[str]:
    """Names of the columns that hold sums of a month's returns, in order."""
    return sorted(str(c) for c in table.columns if _MONTH.fullmatch(str(c)))


def plain_numbers(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters with Python's numbers; a whole float is the integer it stands for."""
    plain: dict[str, Any] = {}
    for name, value in parameters.items():
        number = value.item() if isinstance(value, np.generic) else value
        whole = isinstance(number, float) and number.is_integer()
        plain[name] = int(number) if whole else number
    return plain


def _by_month(returns: NDArray[np.float64], dates: NDArray[np.datetime64]) -> pd.DataFrame:
    """Sums of returns by calendar month, float32 (K, M); NaN in months without any."""
    import pandas as pd

    month = np.asarray(dates, dtype="datetime64[M]")
    names, starts = np.unique(month, return_index=True)
    known = np.isfinite(returns)
    sums = np.add.reduceat(np.where(known, returns, 0.0), starts, axis=1)
    some = np.add.reduceat(known.astype(np.int64), starts, axis=1) > 0
    values = np.where(some, sums, np.nan).astype(np.float32)
    return pd.DataFrame(values, columns=[str(name) for name in names])


def _check(frame: pd.DataFrame) -> None:
    missing = [c for c in ("id", "days") if c not in frame.columns]
    if missing:
        raise UserError(
            f"a trial set has no column {missing[0]!r}, so it cannot join the ledger: write "
            "trial sets with tasks.data.trialsets.trial_set"
        )


def _folder(family: str) -> str:
    """Folder of a family; the hash keeps names apart that look alike in a path."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", family).strip("-")[:40]
    return f"ledger/{plain}-{hashlib.sha256(family.encode()).hexdigest()[:8]}"


def _text(value: Any) -> str:
    return value.hex() if isinstance(value, float) else str(value)
