"""Training as steps: dataset, walk-forward folds, scores out of sample, tomorrow's ranking."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks._step import Context, Output, step
from tasks.cluster.fanout import idle_threads
from tasks.data import codec, vault
from tasks.data.store import Artifact, Store
from tasks.models import archive, drift, evaluate, walkforward
from tasks.models.config import TrainConfig
from tasks.models.dataset import Block
from tasks.models.dataset import dataset as build
from tasks.models.labels import label_span, labels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tasks.data.panel import Panel
    from tasks.models.dataset import Dataset

    Array = NDArray[np.float64]

PACKAGES = ("numpy", "pandas", "scipy", "lightgbm", "xgboost", "torch")


@step("train", packages=("numpy",))
def dataset(
    ctx: Context,
    panel: Artifact,
    features: list[Artifact],
    train: dict[str, Any],
    without: list[str],
    sealed: str,
) -> Output:
    """Rows of (date, symbol) with features and label, transformed within each day.

    Factors named in `without`, which the leak check has found to use the future, are left out.
    Folds end before `sealed`, the vault's first day: scores out of sample choose models.
    """
    config = TrainConfig.model_validate(train)
    stocks = _stocks(ctx.store, panel)
    universe = ctx.store.read_array(panel, "universe.npy")
    made = build(
        archive.blocks_from(ctx.store, features, without),
        _labels(ctx.store, panel, stocks, config),
        stocks.dates,
        span=label_span(config.label),
        eligible=universe,
        preprocess=config.preprocess,
        label_transform=config.label_transform,
        threads=idle_threads(),
    )
    folds = _folds(made, config, sealed)
    notes = {"rows": len(made.day), "features": len(made.names), "folds": len(folds)}
    return Output("dataset", archive.dataset_files(made), rows=len(made.day), notes=notes)


@step("train", packages=PACKAGES)
def fold(
    ctx: Context, dataset: Artifact, number: int, train: dict[str, Any], sealed: str
) -> Output:
    """One walk-forward fold: a model, its scores and its predictions out of sample."""
    config = TrainConfig.model_validate(train)
    data = archive.dataset_from(ctx.store, dataset)
    result = walkforward.fit_fold(_folds(data, config, sealed)[number], data, config)
    notes = {"device": result.device, "reason": result.note}
    return Output("fold", archive.fold_files(result), rows=len(result.predictions), notes=notes)


@step("train", packages=PACKAGES)
def predictions(
    ctx: Context,
    panel: Artifact,
    dataset: Artifact,
    folds: list[Artifact],
    train: dict[str, Any],
) -> Output:
    """Predictions of all folds on the grid, and what they are worth out of sample."""
    config = TrainConfig.model_validate(train)
    data = archive.dataset_from(ctx.store, dataset)
    results = [archive.fold_from(ctx.store, part) for part in folds]
    walk = walkforward.assemble(data, results)
    stocks = _stocks(ctx.store, panel)
    jumps = ctx.store.read_array(panel, "jumps.npy")
    found = evaluate.evaluation(data, walk, stocks, config, jumps=jumps)
    files = {
        "predictions.npy": codec.array_bytes(walk.predictions),
        "evaluation.json": json.dumps(found, sort_keys=True).encode(),
    }
    return Output("predictions", files, rows=int(np.isfinite(walk.predictions).sum()))


@step("train", packages=("numpy", "pandas"))
def factors(
    ctx: Context,
    panel: Artifact,
    features: list[Artifact],
    train: dict[str, Any],
    without: list[str],
    sealed: str,
) -> Output:
    """What each feature is worth by itself, how much of it there is, and whether it drifted.

    No score rests on prices of `sealed`, the vault's first day, or later.
    """
    config = TrainConfig.model_validate(train)
    stocks = _stocks(ctx.store, panel)
    universe = ctx.store.read_array(panel, "universe.npy")
    returns = _labels(ctx.store, panel, stocks, config)
    returns[~universe] = np.nan
    values = _Stacked(archive.blocks_from(ctx.store, features, without))
    span = label_span(config.label)
    stop = vault.first_sealed(stocks.dates, sealed)
    if stop < len(stocks.dates):
        returns[max(stop - span, 0) :] = np.nan
    scores = evaluate.factor_scores(values, returns)
    moved = drift.drift(
        values, train_start=0, train_stop=max(1, len(stocks.dates) - span), eligible=universe
    )
    covered = evaluate.coverage(values, universe, ~np.isnan(stocks["close"]))
    covered["set"] = covered["factor"].map(archive.facts_of(ctx.store, features, "sets"))
    files = {
        "scores.parquet": codec.frame_bytes(scores),
        "drift.parquet": codec.frame_bytes(moved),
        "coverage.parquet": codec.frame_bytes(covered),
    }
    notes = {"expressions": archive.facts_of(ctx.store, features, "expressions")}
    return Output("factors", files, rows=len(scores), notes=notes)


@step("train", packages=PACKAGES)
def ranking(ctx: Context, dataset: Artifact, train: dict[str, Any]) -> Output:
    """A model fitted on every labelled row, and its ranking for the next session."""
    config = TrainConfig.model_validate(train)
    data = archive.dataset_from(ctx.store, dataset)
    fitted = walkforward.production_fit(data, config)
    table = walkforward.rank_tomorrow(data, fitted.model, config)
    files = {
        "ranking.parquet": codec.frame_bytes(table),
        "model.bin": fitted.model,
        "importance.json": json.dumps(fitted.importance, sort_keys=True).encode(),
    }
    notes = {"device": fitted.device, "reason": fitted.note, "ranked": len(table)}
    return Output("ranking", files, rows=len(table), notes=notes)


def _folds(data: Dataset, config: TrainConfig, sealed: str) -> list[walkforward.Fold]:
    """The walk-forward windows, all of them before the vault's first day."""
    stop = vault.first_sealed(data.dates, sealed)
    return walkforward.folds(
        len(data.dates), config, span=data.span, start=data.first_day, stop=stop
    )


def _stocks(store: Store, panel: Artifact) -> Panel:
    """The stocks alone, adjusted; they come before the benchmarks."""
    return store.read_panel(panel, slice(0, int(panel.notes["stocks"]))).adjusted()


def _labels(store: Store, panel: Artifact, stocks: Panel, config: TrainConfig) -> Array:
    """Labels of the stocks, masked where moves are not believed."""
    tradable = ~np.isnan(stocks["open"])
    jumps = store.read_array(panel, "jumps.npy")
    return labels(stocks, config.label, tradable=tradable, jumps=jumps)


class _Stacked(Mapping[str, "Array"]):
    """Features of all blocks side by side, name to T x N; each is put together when asked for."""

    def __init__(self, blocks: list[Block]) -> None:
        self._blocks = blocks

    def __getitem__(self, name: str) -> Array:
        return np.concatenate([block.features[name] for block in self._blocks], axis=1)

    def __iter__(self) -> Iterator[str]:
        return iter(self._blocks[0].features)

    def __len__(self) -> int:
        return len(self._blocks[0].features)


STEPS = (dataset, fold, predictions, factors, ranking)
