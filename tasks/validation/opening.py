"""Opening the vault: what the trials that survived before it were worth inside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.backtest import archive, metrics
from tasks.backtest.blocks import finish, merge
from tasks.backtest.excess import universe_returns

if TYPE_CHECKING:
    from tasks.backtest.config import CostConfig
    from tasks.data.store import Artifact, Store
    from tasks.data.vault import Vault


def scores_inside(
    store: Store,
    panel: Artifact,
    blocks: Sequence[Artifact],
    judged: Artifact,
    costs: CostConfig,
    sealed: Vault,
) -> list[dict[str, Any]]:
    """Sharpe ratios over the universe of the survivors, before the vault and inside it.

    Args:
        store: where the artifacts are.
        panel: the night's.
        blocks: of its sweep.
        judged: its trials.
        costs: what trades cost.
        sealed: the interval.

    Returns:
        One row per survivor: `name`, `before`, `inside`, `low`, `high` (95 % block bootstrap) and
        `days` inside; NaN with fewer than two days there. Empty if nothing survived.
    """
    verdict = store.read_frame(judged, "judged.parquet")
    alive = verdict[verdict["state"] == "SURVIVES"]
    table = finish(merge(archive.block_from(store, part) for part in blocks), costs)
    stocks = store.read_panel(panel, slice(0, int(panel.notes["stocks"]))).adjusted()
    market = universe_returns(stocks, store.read_array(panel, "universe.npy"))
    excess = (table.returns - market[len(market) - len(table.dates) :])[
        :, sealed.inside(table.dates)
    ]
    place = {int(number): k for k, number in enumerate(table.combinations.numbers)}
    names = table.combinations.names
    rows = []
    for trial in alive.to_dict("records"):
        returns = excess[place[int(trial["trial"])]]
        low, high = metrics.sharpe_interval(returns) if len(returns) > 1 else (np.nan, np.nan)
        rows.append(
            {
                "name": f"{table.combinations.strategy} "
                + "/".join(f"{trial[n]:g}" for n in names),
                "before": float(trial["sharpe"]),
                "inside": float(metrics.sharpe(returns)) if len(returns) > 1 else float("nan"),
                "low": float(low),
                "high": float(high),
                "days": int(np.isfinite(returns).sum()),
            }
        )
    return rows
