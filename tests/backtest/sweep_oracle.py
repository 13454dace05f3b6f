"""The slow, obvious sweep: one account at a time, one day at a time, plain Python."""

import math


def moving_average(values, window, t):
    if t + 1 < window:
        return math.nan
    return math.fsum(values[t + 1 - window : t + 1]) / window


def account(opens, closes, fast, slow, buy_fee, sell_fee, slippage, first):
    """Daily returns, value after each close and number of purchases of one all-in account.

    Lists of the stock's trading days only; `first` is the first day that may hold.
    """
    cash, shares, values, trades = 1.0, 0.0, [], 0
    for t in range(len(closes)):
        if t > 0 and t >= first:
            quick = moving_average(closes, fast, t - 1)
            calm = moving_average(closes, slow, t - 1)
            wish = quick > calm * (1 + 1e-12)
            tradable = not math.isnan(opens[t])
            if wish and shares == 0.0 and tradable:
                shares = cash / (opens[t] * (1 + slippage) * (1 + buy_fee[t]))
                cash = 0.0
                trades += 1
            elif not wish and shares > 0.0 and tradable:
                cash = shares * opens[t] * (1 - slippage) * (1 - sell_fee[t])
                shares = 0.0
        values.append(cash + shares * closes[t])
    before = [1.0, *values[:-1]]
    return [v / b - 1 for v, b in zip(values, before, strict=True)], values, trades


def trial(panel, fast, slow, buy_fee, sell_fee, slippage, first):
    """Mean over the stocks that traded of the accounts' returns, one number per row or NaN."""
    days, count = panel.shape
    total, breadth = [0.0] * days, [0] * days
    for n in range(count):
        rows = [t for t in range(days) if not math.isnan(panel["close"][t, n])]
        opens = [float(panel["open"][t, n]) for t in rows]
        closes = [float(panel["close"][t, n]) for t in rows]
        begin = next((i for i, t in enumerate(rows) if t >= first), len(rows))
        returns, _, _ = account(
            opens, closes, fast, slow,
            [buy_fee[t] for t in rows], [sell_fee[t] for t in rows], slippage, begin,
        )  # fmt: skip
        for row, gain in zip(rows, returns, strict=True):
            total[row] += gain
            breadth[row] += 1
    return [t / b if b else math.nan for t, b in zip(total, breadth, strict=True)]
