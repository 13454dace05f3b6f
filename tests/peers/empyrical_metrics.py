"""Performance figures of empyrical; runs in the peers' environment.

Use: `python THIS IN.npy OUT.json`.
"""

import json
import sys

import empyrical
import numpy as np

DAYS = 244


def figures(returns):
    return {
        "total_return": empyrical.cum_returns_final(returns),
        "annual_return": empyrical.annual_return(returns, annualization=DAYS),
        "volatility": empyrical.annual_volatility(returns, annualization=DAYS),
        "sharpe": empyrical.sharpe_ratio(returns, annualization=DAYS),
        "sortino": empyrical.sortino_ratio(returns, annualization=DAYS),
        "max_drawdown": empyrical.max_drawdown(returns),
        "calmar": empyrical.calmar_ratio(returns, annualization=DAYS),
        "omega": empyrical.omega_ratio(returns),
        "tail_ratio": empyrical.tail_ratio(returns),
        "value_at_risk": empyrical.value_at_risk(returns),
    }


if __name__ == "__main__":
    with open(sys.argv[2], "w") as file:
        json.dump({k: float(v) for k, v in figures(np.load(sys.argv[1])).items()}, file)
