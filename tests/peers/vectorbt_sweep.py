"""Moving-average crossings in vectorbt; runs in the peers' environment.

Use: `python THIS IN.npz OUT.npz`. Signals are moved by one day and filled at that day's open, so that an order is placed after the
close that made its signal.
"""

import sys
import time

import numpy as np
import pandas as pd
import vectorbt as vbt


def score(given, fast, slow):
    close = pd.DataFrame(given["close"])
    quick, calm = close.rolling(int(fast)).mean(), close.rolling(int(slow)).mean()
    wanted = (quick > calm).shift(1, fill_value=False)
    wanted.iloc[: int(given["first"])] = False
    return vbt.Portfolio.from_signals(
        close,
        wanted,
        ~wanted,
        price=given["open"],
        fees=np.where(wanted, given["buy_fee"][:, None], given["sell_fee"][:, None]),
        slippage=float(given["slippage"]),
        init_cash=100.0,
        freq="1D",
    )


def main(source, target):
    given = np.load(source)
    out = {name: [] for name in ("total_return", "sharpe", "max_drawdown", "trades")}
    seconds = []
    for fast, slow in given["sets"]:
        start = time.process_time()
        portfolio = score(given, fast, slow)
        out["total_return"].append(portfolio.total_return().to_numpy())
        seconds.append(time.process_time() - start)
        scored = portfolio.returns().iloc[int(given["first"]) :]
        ratio = scored.mean() / scored.std(ddof=1) * np.sqrt(244)
        out["sharpe"].append(ratio.to_numpy())
        out["max_drawdown"].append(portfolio.max_drawdown().to_numpy())
        out["trades"].append(portfolio.trades.count().to_numpy())
    np.savez(target, seconds=seconds, **{k: np.stack(v) for k, v in out.items()})


if __name__ == "__main__":
    main(*sys.argv[1:])
