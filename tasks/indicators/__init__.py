"""Indicators and factors: what is computed from bars, up to the day it is known.

- `technical`: indicators with TA-Lib's names on series and panels; their topics are `overlap`,
  `momentum`, `swings`, `trend`, `volatility`, `volume`, `price`, `statistic`; `technical.compute`
  (`many`) computes many at once
- `features`, `config`: the night's scale-free columns of a panel
- `expressions`: Qlib's factor language; `alpha158`, `alpha360`: its two best known factor sets
- `processor`: indicator columns for frames (`GPUDataProcessor`)
- `lanes`, `trading`, `memory`, `kernels`: tiles of symbols on trading days, what is kept and
  computed on them
- `longframe`: frames in and out; `rowkeys`: whose each of their rows is, and of which day
- `gpu`: results of a GPU only where the CPU confirms them
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tasks.indicators.config import FeatureConfig
    from tasks.indicators.expressions import calculate_factors, evaluate
    from tasks.indicators.features import technical_features
    from tasks.indicators.processor import GPUDataProcessor

__all__ = [
    "FeatureConfig",
    "GPUDataProcessor",
    "calculate_factors",
    "evaluate",
    "technical_features",
]

_HOMES = {
    "GPUDataProcessor": "processor",
    "FeatureConfig": "config",
    "calculate_factors": "expressions.frames",
    "evaluate": "expressions.evaluating",
    "technical_features": "features",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
