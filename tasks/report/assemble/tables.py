"""Full tables beside the report, as CSV: what the page shows only the first rows of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tasks.data.store import Artifact

if TYPE_CHECKING:
    from tasks.data.store import Store

#: CSV file to the part and the Parquet file that it comes from
SOURCES = {
    "trials.csv": ("trials", "judged.parquet"),
    "ranking.csv": ("ranking", "ranking.parquet"),
    "factors.csv": ("factors", "scores.parquet"),
    "factor_coverage.csv": ("factors", "coverage.parquet"),
    "quarantine.csv": ("panel", "quarantine.parquet"),
    "large_moves.csv": ("panel", "moves.parquet"),
    "equity.csv": ("portfolio", "equity.parquet"),
    "portfolio_trades.csv": ("portfolio", "trades.parquet"),
}


def tables(summary: Mapping[str, Any], store: Store) -> dict[str, str]:
    """CSV text by file name, for every part that the run has."""
    parts = summary["parts"]
    return {
        name: store.read_frame(Artifact.from_json(parts[part]), file).to_csv(index=False)
        for name, (part, file) in SOURCES.items()
        if part in parts
    }
