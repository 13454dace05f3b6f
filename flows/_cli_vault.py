"""`qilin vault` and `qilin ledger`: what is held out, how often it was opened, what was tried."""

from __future__ import annotations

import json
from typing import Annotated

from cyclopts import App, Parameter

from flows import _history
from flows._settings import NightlyConfig
from tasks.data import trialsets, vault
from tasks.data.config import family_name
from tasks.data.store import Store
from tasks.errors import UserError


def show() -> int:
    """Show each data family's vault: its days, how it came about, every opening."""
    store = Store()
    families = vault.families(store)
    if not families:
        default = family_name(NightlyConfig().data)
        print(
            f"no vault yet: the first night of a family of data fixes it, such as {default!r}; "
            "or set one: qilin vault set FAMILY START END"
        )
    for family in families:
        print("\n".join(_lines(store, family)))
    return 0


def move(
    family: str,
    start: str,
    end: str,
    *,
    reason: str = "",
) -> int:
    """Set a family's vault; the one before stays on record. A later start counts as an opening.

    Args:
        family: The data's family, as qilin vault shows it.
        start: First day inside, such as 2025-11-20.
        end: Last day inside.
        reason: Why, where a later start shows days that were sealed; kept and counted.
    """
    store = Store()
    store.require_writable()
    vault.move(store, family, start, end, reason)
    print("\n".join(_lines(store, family)))
    return 0


def open_(
    *,
    reason: Annotated[str, Parameter(help="Why; kept, and counted in every later report.")],
    run: Annotated[str, Parameter(help="Run whose survivors are scored; empty: the newest.")] = "",
    as_json: Annotated[bool, Parameter(name="--json", help="Print a JSON value.")] = False,
) -> int:
    """Open the vault of a run's family, once more: its survivors' scores inside. It is counted."""
    from tasks.validation.opening import scores_inside

    store = Store()
    store.require_writable()
    summary = _history.summary_of(store, run)
    held = summary.get("vault") or {}
    parts = summary.get("parts", {})
    if "trials" not in parts:
        raise UserError(
            f"run {summary['run']['id']} judged no trials, so there is nothing to score inside its "
            "vault: choose another with --run"
        )
    sealed = vault.Vault(*(held[k] for k in ("family", "start", "end", "why")))
    config = _history.settings_of(store, summary["run"]["id"])
    blocks = [store.find(b["key"]) for b in summary["blocks"] if b["step"] == "sweep_block"]
    panel = store.find(parts["panel"]["key"])
    judged = store.find(parts["trials"]["key"])
    if panel is None or judged is None or None in blocks:
        raise UserError(
            f"what run {summary['run']['id']} computed is no longer in the store {store.root}: "
            "run the night again, then open the vault"
        )
    vault.require_reason(sealed, reason)
    found = scores_inside(
        store, panel, [b for b in blocks if b], judged, config.advanced.costs, sealed
    )
    vault.opened(store, sealed, reason)
    count = len(vault.openings(store, sealed.family))
    if as_json:
        print(json.dumps({"family": sealed.family, "openings": count, "trials": found}))
        return 0
    print(f"{sealed.family}: {sealed.start} to {sealed.end}, opened {count} time(s)")
    if not found:
        print("no trial survives before the vault, so none is scored inside it")
    for row in found:
        print(
            f"{row['name']}: Sharpe over the universe {row['before']:.2f} before, "
            f"{row['inside']:.2f} [{row['low']:.2f}, {row['high']:.2f}] inside, {row['days']} days"
        )
    return 0


def ledger() -> int:
    """Show how many trials were ever made on each family of data, and of which strategies."""
    from tasks.validation.trials import effective_of_ledger

    store = Store()
    found = trialsets.families(store)
    if not found:
        print("no trial yet: every night, sweep and search adds its own")
    for family in found:
        known = trialsets.read_ledger(store, family)
        kinds = known["strategy"].value_counts().sort_index()
        parts = ", ".join(f"{name} {count:,}" for name, count in kinds.items())
        about = effective_of_ledger([known])
        print(f"{family}: {len(known):,} trials (about {about:.3g} independent): {parts}")
    return 0


def _lines(store: Store, family: str) -> list[str]:
    sealed = vault.current(store, family)
    looks = vault.openings(store, family)
    if sealed is None or not sealed.start:
        return [f"{family}: no vault ({'never used' if sealed is None else sealed.why})"]
    first = f"{family}: {sealed.start} to {sealed.end} ({sealed.why}), opened {len(looks)} time(s)"
    return [first, *(f"  {o.at}  {o.start} to {o.end}  {o.reason}" for o in looks)]


commands = App(name="vault", help="Show, set or open the data that is held out.",
               result_action="return_value")  # fmt: skip
commands.default(show)
commands.command(show, name="show")
commands.command(move, name="set")
commands.command(open_, name="open")
