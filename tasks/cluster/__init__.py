"""Dask clusters, and work spread over them.

* `local` - from `QILIN_CLUSTER` to what Dask needs, on loopback, one thread per task
* `fanout` - the blocks of one task beside each other, inside a Dask task or outside
* `remote`, `workers` - TLS, any cluster class, scaling; workers must be like the driver
* `manager` - a cluster of this machine, or a running one, for notebooks
* `outcomes`, `calling` - many calls of a user's function, each with its value or its error
* `analyzer` - stocks, strategies and parameter sets, one row each
* `frames`, `processor`, `factors` - frames cut by symbol: any function, indicators, factors
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tasks.cluster.analyzer import DistributedStockAnalyzer
    from tasks.cluster.factors import DistributedFactorCalculator
    from tasks.cluster.fanout import FanOutError, fan_out
    from tasks.cluster.local import cluster_kwargs
    from tasks.cluster.manager import ClusterConfig, DaskDistributedManager, DistributedMode
    from tasks.cluster.processor import DistributedDataProcessor

__all__ = [
    "ClusterConfig",
    "DaskDistributedManager",
    "DistributedDataProcessor",
    "DistributedFactorCalculator",
    "DistributedMode",
    "DistributedStockAnalyzer",
    "FanOutError",
    "cluster_kwargs",
    "fan_out",
]

_HOME = {
    "ClusterConfig": "manager",
    "DaskDistributedManager": "manager",
    "DistributedDataProcessor": "processor",
    "DistributedFactorCalculator": "factors",
    "DistributedMode": "manager",
    "DistributedStockAnalyzer": "analyzer",
    "FanOutError": "fanout",
    "cluster_kwargs": "local",
    "fan_out": "fanout",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
