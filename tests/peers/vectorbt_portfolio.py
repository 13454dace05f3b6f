"""A portfolio of many stocks in vectorbt; runs in the peers' environment.

Use: `python THIS IN.npz OUT.npz`. Each line on the standard input is answered by the CPU seconds of
one backtest; at its end the equity of the last one is written. Targets of a bar are orders of the
next: one account, sales first, percentages of its value, the same fees and slippage.
"""

import sys
import time

import numpy as np
import vectorbt as vbt


def equity(given):
    size = np.vstack([np.full((1, given["close"].shape[1]), np.nan), given["targets"][:-1]])
    portfolio = vbt.Portfolio.from_orders(
        given["close"],
        size=size,
        size_type="targetpercent",
        price=given["open"],
        val_price=given["open"],
        fees=float(given["fees"]),
        slippage=float(given["slippage"]),
        init_cash=float(given["cash"]),
        cash_sharing=True,
        group_by=True,
        call_seq="auto",
        freq="1D",
    )
    return np.asarray(portfolio.value())


def main(source, target):
    given = dict(np.load(source))
    found = equity(given)  # compiles
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.process_time()
        found = equity(given)
        print(time.process_time() - start, flush=True)
    np.save(target, found)


if __name__ == "__main__":
    main(*sys.argv[1:])
