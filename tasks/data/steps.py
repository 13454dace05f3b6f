"""Data as steps: bars as the source gave them, and the panel that the quality gate lets through."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from tasks._step import Context, Output, step
from tasks.data import codec, health, universe
from tasks.data.bars import bars_from
from tasks.data.config import DataConfig, GateConfig, UniverseConfig
from tasks.data.gate import gate
from tasks.data.sources import registry
from tasks.data.store import Artifact
from tasks.errors import UserError

PACKAGES = ("numpy", "pandas", "pyarrow")


@step("load", packages=PACKAGES, retries=1)
def load_bars(ctx: Context, settings: dict[str, Any], content: str, day: str) -> Output:
    """Bars up to the session, as the source gives them; the key holds the hash of its content."""
    bars = registry.read(DataConfig(path=ctx.data_path, **settings), day)
    head = {
        "adjustment": bars.adjustment,
        "source": bars.source,
        "benchmarks": list(bars.benchmarks),
        "notes": list(bars.notes),
        "content": content,
    }
    files = {"bars.parquet": codec.frame_bytes(bars.frame), "head.json": json.dumps(head).encode()}
    return Output("bars", files, rows=len(bars.frame))


@step("load", packages=PACKAGES)
def check_bars(
    ctx: Context,
    bars: Artifact,
    day: str,
    gate_settings: dict[str, Any],
    universe_settings: dict[str, Any],
    max_symbols: int,
    deadly: list[str],
) -> Output:
    """The panel of what passed the gate, stocks before benchmarks, with its universe and health.

    `deadly` symbols are set aside whole: they were seen to kill who computes on them.
    """
    config = UniverseConfig.model_validate(universe_settings)
    limits = GateConfig.model_validate(gate_settings)
    gated = gate(bars_from(ctx.store, bars), limits, deadly=deadly)
    whole = gated.panel()
    stocks = [i for i, s in enumerate(whole.symbols) if s not in whole.benchmarks]
    stocks = stocks[:max_symbols] if max_symbols else stocks
    if not stocks:
        raise UserError(
            f"no stock is left for {day}: source {whole.source!r} gave {bars.rows} rows, all of "
            "them indices or set aside; check the file, the symbols and the gate's settings"
        )
    panel = whole.columns([*stocks, *(whole.column(b) for b in whole.benchmarks)])
    traded = panel.columns(range(len(stocks)))
    moves = universe.large_moves(traded, config.max_move)
    notes = {
        "stocks": len(stocks),
        "days": len(panel.dates),
        "first_day": str(panel.dates[0]),
        "last_day": str(panel.dates[-1]),
        "adjustment": panel.adjustment,
        "quarantined_rows": len(gated.quarantine),
        "quarantined_symbols": int(gated.quarantine["symbol"].nunique()),
        "large_moves": len(moves),
        "limit_locked": health.limit_locked(traded),
        "sentences": list(gated.notes),
    }
    files = codec.panel_files(universe.without_jumps(panel, config.max_move)) | {
        "universe.npy": codec.array_bytes(universe.eligible(traded, config)),
        "jumps.npy": codec.array_bytes(universe.jumps(traded, config.max_move)),
        "moves.parquet": codec.frame_bytes(moves),
        "quarantine.parquet": codec.frame_bytes(gated.quarantine),
        "checks.json": json.dumps([dataclasses.asdict(c) for c in gated.checks]).encode(),
        "health.json": json.dumps(health.health(traded)).encode(),
    }
    return Output("panel", files, rows=len(gated.frame), notes=notes)


STEPS = (load_bars, check_bars)
