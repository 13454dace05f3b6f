"""Moving-average crossings in vectorbt; runs in the peers' environment.

Use: `python THIS IN.npz OUT.npz`, or `python THIS IN.npz` to be timed: each line on the standard
input is answered by the CPU seconds of one sweep, whose total returns then lie in IN.npz.npy. Where
the file holds `wanted`, ready-made wishes after each close, only the accounts are timed.
Signals are moved by one day and filled at that day's open, so that an order is placed after the
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


def figures(source, target):
    given = np.load(source)
    out = {name: [] for name in ("total_return", "sharpe", "max_drawdown", "trades")}
    for fast, slow in given["sets"]:
        portfolio = score(given, fast, slow)
        out["total_return"].append(portfolio.total_return().to_numpy())
        scored = portfolio.returns().iloc[int(given["first"]) :]
        ratio = scored.mean() / scored.std(ddof=1) * np.sqrt(244)
        out["sharpe"].append(ratio.to_numpy())
        out["max_drawdown"].append(portfolio.max_drawdown().to_numpy())
        out["trades"].append(portfolio.trades.count().to_numpy())
    np.savez(target, **{k: np.stack(v) for k, v in out.items()})


def crossings(given):
    close = pd.Series(given["close"][:, 0])
    averages = {int(w): close.rolling(int(w)).mean().to_numpy() for w in np.unique(given["sets"])}
    wanted = np.empty((len(close), len(given["sets"])), dtype=bool)
    for k, (fast, slow) in enumerate(given["sets"].astype(int)):
        wanted[:, k] = averages[fast] > averages[slow]
    return wanted


def at_once(given):
    """All sets on one stock as columns of one call, which is how vectorbt is fastest."""
    wanted = given["wanted"] if "wanted" in given else crossings(given)
    wanted = np.vstack([np.zeros((1, wanted.shape[1]), dtype=bool), wanted[:-1]])
    portfolio = vbt.Portfolio.from_signals(
        np.broadcast_to(given["close"][:, :1], wanted.shape),
        wanted,
        ~wanted,
        price=given["open"][:, :1],
        fees=0.001,
        slippage=float(given["slippage"]),
        init_cash=100.0,
        freq="1D",
    )
    return portfolio.total_return()


def answer(source):
    given = dict(np.load(source))
    np.save(f"{source}.npy", at_once(given).to_numpy())  # compiles
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.process_time()
        at_once(given)
        print(time.process_time() - start, flush=True)


if __name__ == "__main__":
    figures(*sys.argv[1:]) if len(sys.argv) == 3 else answer(sys.argv[1])
