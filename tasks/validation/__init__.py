"""Statistics of many trials, the leak check and the placebo: may a result be believed?

Pure modules:

* `statistics` - probabilistic and deflated Sharpe ratios, track record lengths, false discovery
* `overfitting` - probability of backtest overfitting by combinatorially symmetric cross-validation
* `noise` - what the best of the trials would reach without skill, bootstrap intervals
* `trials` - which trials survive; identities and the ledger are `tasks.data.trialsets`
* `leaks`, `alarms` - whether outputs use the future, and proof that this check notices it
* `placebo` - training on shuffled labels must find nothing
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tasks.validation.alarms import Alarm, planted_leaks
    from tasks.validation.leaks import Leak, LeakReport, check
    from tasks.validation.noise import Noise, sharpe_interval
    from tasks.validation.overfitting import Overfitting
    from tasks.validation.statistics import (
        deflated_sharpe_ratio,
        effective_trials,
        expected_maximum_sharpe,
        false_discovery,
        minimum_backtest_length,
        minimum_track_record_length,
        probabilistic_sharpe_ratio,
        probability_of_backtest_overfitting,
    )
    from tasks.validation.trials import Verdict, survivors

_HOME = {
    "Alarm": "alarms",
    "Leak": "leaks",
    "LeakReport": "leaks",
    "Noise": "noise",
    "Overfitting": "overfitting",
    "Verdict": "trials",
    "check": "leaks",
    "deflated_sharpe_ratio": "statistics",
    "effective_trials": "statistics",
    "expected_maximum_sharpe": "statistics",
    "false_discovery": "statistics",
    "minimum_backtest_length": "statistics",
    "minimum_track_record_length": "statistics",
    "planted_leaks": "alarms",
    "probabilistic_sharpe_ratio": "statistics",
    "probability_of_backtest_overfitting": "overfitting",
    "sharpe_interval": "noise",
    "survivors": "trials",
}

__all__ = [
    "Alarm",
    "Leak",
    "LeakReport",
    "Noise",
    "Overfitting",
    "Verdict",
    "check",
    "deflated_sharpe_ratio",
    "effective_trials",
    "expected_maximum_sharpe",
    "false_discovery",
    "minimum_backtest_length",
    "minimum_track_record_length",
    "planted_leaks",
    "probabilistic_sharpe_ratio",
    "probability_of_backtest_overfitting",
    "sharpe_interval",
    "survivors",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
