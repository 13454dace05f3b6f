"""Performance figures of empyrical, quantstats and ffn; runs in the peers' environment.

Use: `python THIS IN.npz OUT.json`. The input holds `returns` (K, T), `benchmark` and `dates` (T,),
and `year`, the periods a year. Each peer's own function computes each figure; where its convention
is not in an argument, a comment says how it is brought to ours.
"""

import json
import sys
import warnings

import empyrical
import ffn
import numpy as np
import pandas as pd
import quantstats.stats as qs


def from_empyrical(returns, benchmark, year):
    return {
        "total_return": empyrical.cum_returns_final(returns),
        "annual_return": empyrical.annual_return(returns, annualization=year),
        "volatility": empyrical.annual_volatility(returns, annualization=year),
        "sharpe": empyrical.sharpe_ratio(returns, annualization=year),
        "sortino": empyrical.sortino_ratio(returns, annualization=year),
        "downside_deviation": empyrical.downside_risk(returns, annualization=year),
        "max_drawdown": empyrical.max_drawdown(returns),
        "calmar": empyrical.calmar_ratio(returns, annualization=year),
        "omega": empyrical.omega_ratio(returns),
        "tail_ratio": empyrical.tail_ratio(returns),
        "value_at_risk": empyrical.value_at_risk(returns),
        "stability": empyrical.stability_of_timeseries(returns),
        "alpha": empyrical.alpha(returns, benchmark, annualization=year),
        "beta": empyrical.beta(returns, benchmark),
        # a year of 252 days is fixed inside; with equal counts of days the ratio needs no year
        "up_capture_of_252": empyrical.up_capture(returns, benchmark),
        "down_capture_of_252": empyrical.down_capture(returns, benchmark),
    }


def from_quantstats(returns, benchmark, year):
    n, total, yearly = len(returns), qs.comp(returns), qs.cagr(returns, periods=year)
    return {
        "total_return": qs.comp(returns),
        "annual_return": qs.cagr(returns, periods=year),
        "volatility": qs.volatility(returns, periods=year),
        "sharpe": qs.sharpe(returns, periods=year),
        "sortino": qs.sortino(returns, periods=year),
        "max_drawdown": qs.max_drawdown(returns),
        "hit_rate": qs.win_rate(returns),
        "average_gain": qs.avg_win(returns),
        "average_loss": qs.avg_loss(returns),
        "best_day": qs.best(returns),
        "worst_day": qs.worst(returns),
        "payoff": qs.payoff_ratio(returns),
        "omega": qs.profit_factor(returns),
        "gain_to_pain": qs.gain_to_pain_ratio(returns),
        "kelly": qs.kelly_criterion(returns),
        "ulcer_index": qs.ulcer_index(returns),
        "normal_value_at_risk": qs.value_at_risk(returns),
        "expected_shortfall": qs.cvar(returns, method="historical"),
        "longest_gains": qs.consecutive_wins(returns),
        "longest_losses": qs.consecutive_losses(returns),
        "tail_ratio": qs.tail_ratio(returns),
        "common_sense": qs.common_sense_ratio(returns),
        # its ratio is of one day
        "information_ratio": qs.information_ratio(returns, benchmark) * np.sqrt(year),
        "correlation": np.sqrt(qs.r_squared(returns, benchmark)),
        "beta": qs.greeks(returns, benchmark, periods=year)["beta"],
        # its ratios have the gain over the whole time above, ours the one of a year
        "treynor": qs.treynor_ratio(returns, benchmark, periods=year) / total * yearly,
        "martin": qs.ulcer_performance_index(returns) / total * yearly,
        # it adds returns up where ours are compounded, and drops the sign
        "recovery": qs.recovery_factor(returns) / abs(returns.sum()) * total,
        # its moments estimate those of what the days are drawn from, and kurtosis is above 3
        "skew": qs.skew(returns) * (n - 2) / np.sqrt(n * (n - 1)),
        "kurtosis": 3 + (qs.kurtosis(returns) * (n - 2) * (n - 3) / (n - 1) - 6) / (n + 1),
    }


def from_ffn(returns, benchmark, year):
    """The series as prices from 1 on, one day earlier than the first return."""
    prices = pd.Series(
        np.concatenate([[1.0], (1.0 + returns).cumprod()]),
        index=returns.index.insert(0, returns.index[0] - pd.Timedelta(days=1)),
    )
    daily = returns
    return {
        "total_return": ffn.calc_total_return(prices),
        "sharpe": ffn.calc_sharpe(daily, nperiods=year),
        "sortino": ffn.calc_sortino_ratio(daily, nperiods=year),
        "max_drawdown": ffn.calc_max_drawdown(prices),
        # its falls are percentages and its mean includes the day before the first return
        "ulcer_index_of_n": ffn.core.to_ulcer_index(prices) / 100 * np.sqrt(1 + 1 / len(returns)),
        "information_ratio": ffn.calc_information_ratio(daily, benchmark) * np.sqrt(year),
        "annual_return_by_calendar": ffn.calc_cagr(prices),
    }


def main(source, target):
    given = np.load(source)
    index, year = pd.DatetimeIndex(given["dates"]), float(given["year"])
    benchmark = pd.Series(given["benchmark"], index=index)
    out = {"empyrical": [], "quantstats": [], "ffn": []}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the peers warn about each other's pandas
        for row in given["returns"]:
            returns = pd.Series(row, index=index)
            out["empyrical"].append(from_empyrical(returns, benchmark, year))
            out["quantstats"].append(from_quantstats(returns, benchmark, year))
            out["ffn"].append(from_ffn(returns, benchmark, year))
    with open(target, "w") as file:
        json.dump(out, file, default=float)


if __name__ == "__main__":
    main(*sys.argv[1:])
