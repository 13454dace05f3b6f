"""What a night judges by besides its data: the family's vault, and the ledger as it stood.

Both are state that other nights change, so a night resolves each once, declares it as an input with
its hash, and a retry finds the same one by the run's id. The vault is resolved as soon as the bars
are read. The ledger is resolved when the night knows its own trials, which a search learns as it
goes: they are left out, so that running the same night again judges by the same snapshot.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tasks.backtest import archive
from tasks.backtest.counting import identities
from tasks.data import trialsets, vault
from tasks.data.config import family_name
from tasks.data.store import Artifact, Store

if TYPE_CHECKING:
    from flows._settings import NightlyConfig


def vault_of(run_id: str, config: NightlyConfig, panel: Artifact, store: Store) -> vault.Vault:
    """The vault of a run: that of its first attempt, else the family's as it stands now."""
    uri = f"runs/vaults/{run_id}"
    kept = store.read_note(uri)
    if kept:
        return vault.Vault(**json.loads(kept))
    found = vault.fixed(
        store, family_name(config.data), store.read_panel(panel, slice(0, 1)).dates,
        config.advanced.validation.vault_sessions,
    )  # fmt: skip
    store.note(uri, json.dumps(dataclasses.asdict(found)))
    return found


def ledger_of(
    run_id: str, config: NightlyConfig, blocks: Sequence[Artifact], store: Store
) -> Artifact:
    """The ledger of a run: the snapshot of its first attempt, else everything tried until now.

    Args:
        run_id: of the flow run.
        config: its settings.
        blocks: of its sweep, whose trials are left out.
        store: where the ledger is.
    """
    uri = f"runs/ledgers/{run_id}"
    kept = store.read_note(uri)
    if kept:
        found = Artifact.from_json(json.loads(kept))
        if store.find(found.key) is not None:
            return found
    trial = tried(config)
    own = [
        name
        for block in blocks
        for name in identities(
            archive.sets_from(store, block), data_family=trial["family"],
            costs=config.advanced.costs, fill=trial["fill"], universe=trial["universe"],
        )
    ]  # fmt: skip
    made = trialsets.snapshot(store, trial["family"], own)
    store.note(uri, json.dumps(made.to_json()))
    return made


def set_aside(run_id: str, found: Sequence[Sequence[str]], store: Store) -> list[list[str]]:
    """The symbols that a run sets aside because they killed workers, each with its death.

    Args:
        run_id: of the flow run.
        found: newly found ones; they join those of the run's earlier attempts.
        store: where they are remembered.
    """
    uri = f"runs/deadly/{run_id}"
    known: list[list[str]] = json.loads(store.read_note(uri) or "[]")
    joined = sorted([*known, *(list(pair) for pair in found)])
    if found:
        store.note(uri, json.dumps(joined))
    return joined


def tried(config: NightlyConfig) -> dict[str, Any]:
    """What a trial's identity holds besides strategy, parameters and costs.

    The universe is the rule that selects the stocks, never who they are on a day.
    """
    universe = {
        **config.advanced.universe.model_dump(mode="json"),
        "symbols": sorted(config.data.symbols),
        "first": config.max_symbols,
    }
    return {
        "family": family_name(config.data),
        "universe": universe,
        "fill": config.advanced.sweep.fill,
    }
