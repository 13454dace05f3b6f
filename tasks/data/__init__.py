"""Sources, panel, quality gate, universe, artifact store and keys.

Pure modules:

* `panel` - named fields over one (dates x symbols) grid, the currency between the rooms
* `frames` - between long frames of any kind and the panel's grid
* `spelling` - names of columns and ways to write a day, one table for files and frames
* `config` - settings of sources, gate and universe
* `bars`, `sources` - one module per source, each with `read(...) -> Bars` and `load(...) -> Panel`
* `gate`, `gate_rules` - the quality gate, which sets rows and symbols aside with a reason
* `universe` - what may be ranked when, and moves that no label may contain
* `health` - how complete and fresh a panel is
* `userfiles` - files of the user's own, which count by their content
* `store`, `codec`, `keys`, `codehash` - content-addressed artifacts, and what their keys hash
* `trialsets` - what sweeps and searches tried: identities, trial sets, the ledger as their union
* `vault` - the interval of each data family whose scores no selection sees

`steps` wires them to the night.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tasks.data.bars import Bars
    from tasks.data.config import DataConfig, GateConfig, SimulatedConfig, UniverseConfig
    from tasks.data.gate import Check, Gated
    from tasks.data.panel import Panel
    from tasks.data.store import Artifact, Store
    from tasks.data.trialsets import emit, ledger, read_ledger, trial_id, trial_set
    from tasks.data.vault import Vault

__all__ = [
    "Artifact", "Bars", "Check", "DataConfig", "GateConfig", "Gated", "Panel", "SimulatedConfig",
    "Store", "UniverseConfig", "Vault", "emit", "ledger", "read_ledger", "trial_id", "trial_set",
]  # fmt: skip

#: public name -> module; the function `gate` stays in its module, whose name it shares
_HOMES = {
    "Artifact": "store", "Store": "store", "Bars": "bars", "Panel": "panel",
    "DataConfig": "config", "GateConfig": "config", "SimulatedConfig": "config",
    "UniverseConfig": "config",
    "Check": "gate", "Gated": "gate",
    "emit": "trialsets", "ledger": "trialsets", "read_ledger": "trialsets",
    "trial_id": "trialsets", "trial_set": "trialsets", "Vault": "vault",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
