"""Every performance figure by name, of one series or many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.backtest import gains, metrics, relative
from tasks.backtest.metrics import DAILY, Conventions

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

#: figures that take conventions, and those that have none
_CONVENTIONAL = (
    metrics.total_return, metrics.annual_return, metrics.volatility, metrics.sharpe,
    metrics.sharpe_error, metrics.t_statistic, metrics.sortino, metrics.max_drawdown,
    metrics.longest_drawdown, metrics.calmar, gains.downside_deviation, gains.mean_drawdown,
    gains.ulcer_index, gains.martin, gains.recovery,
)  # fmt: skip
_PLAIN = (
    metrics.days, metrics.mean, metrics.hit_rate, metrics.omega, metrics.skew, metrics.kurtosis,
    metrics.value_at_risk, metrics.expected_shortfall, metrics.tail_ratio, gains.best_day,
    gains.worst_day, gains.average_gain, gains.average_loss, gains.payoff, gains.gain_to_pain,
    gains.kelly, gains.common_sense, gains.longest_gains, gains.longest_losses, gains.stability,
    gains.normal_value_at_risk,
)  # fmt: skip
_RELATIVE = (
    relative.beta, relative.alpha, relative.tracking_error, relative.information_ratio,
    relative.treynor, relative.up_capture, relative.down_capture,
)  # fmt: skip


def summary(
    returns: ArrayLike, conventions: Conventions = DAILY, benchmark: ArrayLike | None = None
) -> dict[str, Any]:
    """Figures by name, each (...); those against a benchmark only where one is given.

    Args:
        returns: daily net returns, (..., T).
        conventions: see `metrics.Conventions`.
        benchmark: returns of the same days, (T,) or (..., T).
    """
    found = {f.__name__: f(returns, conventions) for f in _CONVENTIONAL}
    found |= {f.__name__: f(returns) for f in _PLAIN}
    if benchmark is not None:
        found |= {f.__name__: f(returns, benchmark, conventions) for f in _RELATIVE}
        found["correlation"] = relative.correlation(returns, benchmark)
    return found
