"""The night's factors: the configured sets and the user's own, joined under unique names.

A factor of one symbol is computed in blocks of symbols. One that compares symbols, and every
function of the user's, sees all of them at once, in a step of its own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.arrays.devices import choose_device
from tasks.indicators import userfactors
from tasks.indicators.alpha158 import ALPHA158
from tasks.indicators.alpha360 import ALPHA360
from tasks.indicators.expressions.evaluating import evaluate_on
from tasks.indicators.features import TECHNICAL32, features_on

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.arrays.devices import Device
    from tasks.data.panel import Panel
    from tasks.data.userfiles import UserFile
    from tasks.indicators.config import FactorConfig

    Grid = NDArray[np.floating[Any]]

#: sets of expressions, every one of which sees one symbol at a time
EXPRESSIONS: dict[str, dict[str, str]] = {"alpha158": ALPHA158, "alpha360": ALPHA360}
#: the set that the user's own factors belong to
USER = "user"

Pairs = Sequence[Sequence[str]]


@dataclasses.dataclass(frozen=True)
class Values:
    """Computed factors.

    Attributes:
        grids: unique name to (T, N), in order; NaN where there is no finite value.
        sets: the set of each name.
        expressions: text of those that are expressions.
        device: what computed them, and why; None if only the user's functions did.
    """

    grids: dict[str, Grid]
    sets: dict[str, str]
    expressions: dict[str, str]
    device: Device | None


def names(config: FactorConfig) -> list[tuple[str, str, str]]:
    """Unique name, set and expression (empty for technical indicators) of the sets' factors."""
    own = [
        (factor, chosen, text)
        for chosen in config.sets
        for factor, text in (
            dict.fromkeys(TECHNICAL32, "") if chosen == "technical32" else EXPRESSIONS[chosen]
        ).items()
    ]
    return _unique(own, ())


def in_blocks(panel: Panel, config: FactorConfig, user: Pairs = (), device: str = "cpu") -> Values:
    """Factors that see one symbol at a time.

    Args:
        panel: adjusted bars of some symbols.
        config: the sets.
        user: name and text of the user's expressions that see one symbol at a time.
        device: `auto`, `cpu` or `gpu`.
    """
    wanted = names(config)
    wanted += _unique([(n, USER, text) for n, text in user], [n for n, _, _ in wanted])
    grids: dict[str, Grid] = {}
    used = None
    if "technical32" in config.sets:
        grids, used = features_on(panel, config, choose_device(device))
    expressions = {name: text for name, _, text in wanted if text}
    if expressions:
        values, by = _evaluated(expressions, panel, config, device)
        grids |= values
        used = by if used is None or by.kind == "cpu" else used
    return Values(
        {n: grids[n] for n, _, _ in wanted}, {n: s for n, s, _ in wanted}, expressions, used
    )


def across(
    panel: Panel,
    config: FactorConfig,
    user: Pairs,
    code: UserFile | None = None,
    device: str = "cpu",
) -> Values:
    """Factors that need every symbol: the user's across symbols, and the user's functions.

    Args:
        panel: adjusted bars of all symbols, benchmarks too; they are never ranked, but an
            expression may take their values.
        config: the sets, whose names are taken, and the precision.
        user: name and text of the user's expressions across symbols.
        code: a Python file whose functions are factors.
        device: `auto`, `cpu` or `gpu`; functions compute where they like.

    Returns:
        Grids of the stocks alone, in their order in the panel.
    """
    found: dict[str, Any] = {}
    used = None
    if user:
        found, used = _evaluated({pair[0]: pair[1] for pair in user}, panel, config, device)
    stocks = [i for i, s in enumerate(panel.symbols) if s not in panel.benchmarks]
    found = {name: np.ascontiguousarray(grid[:, stocks]) for name, grid in found.items()}
    if code is not None:
        made = userfactors.compute(code, panel.columns(stocks))
        found |= {name: _finite(grid).astype(config.dtype) for name, grid in made.items()}
    unique = _unique([(name, USER, name) for name in found], [name for name, _, _ in names(config)])
    texts = {pair[0]: pair[1] for pair in user}
    return Values(
        {name: found[own] for name, _, own in unique},
        {name: USER for name, _, _ in unique},
        {name: texts[own] for name, _, own in unique if own in texts},
        used,
    )


def _evaluated(
    expressions: Mapping[str, str], panel: Panel, config: FactorConfig, device: str
) -> tuple[dict[str, Grid], Device]:
    values, used = evaluate_on(expressions, panel, device, dtype=config.dtype, block=config.block)
    return {name: _finite(grid) for name, grid in values.items()}, used


def _finite(grid: Grid) -> Grid:
    """Infinite values are none: models and ranks take NaN for missing."""
    if np.isinf(grid).any():
        grid = np.where(np.isinf(grid), np.nan, grid).astype(grid.dtype)
    return grid


def _unique(
    given: Iterable[tuple[str, str, str]], taken: Iterable[str]
) -> list[tuple[str, str, str]]:
    """A name that an earlier factor has gets its set in front: `alpha360.OPEN0`."""
    seen, made = set(taken), []
    for name, chosen, text in given:
        unique = f"{chosen}.{name}" if name in seen else name
        seen.add(unique)
        made.append((unique, chosen, text))
    return made
