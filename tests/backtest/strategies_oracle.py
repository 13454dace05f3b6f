"""The slow, obvious strategies: what each family wants after each close, plain Python."""

import itertools
import math


def mean(values):
    return math.fsum(values) / len(values)


def exponential(values, n):
    """Exponential means; None before the first n."""
    out = [None] * (n - 1) + [mean(values[:n])]
    for value in values[n:]:
        out.append(out[-1] + 2 / (n + 1) * (value - out[-1]))
    return out[: len(values)]


def macd(bars, fast, slow, signal):
    quick, calm = exponential(bars["close"], fast), exponential(bars["close"], slow)
    start = max(fast, slow) - 1
    line = [quick[t] - calm[t] for t in range(start, len(quick))]
    smooth = [None] * start + exponential(line, signal)
    return [
        t >= start + signal - 1 and line[t - start] - smooth[t] > 1e-12 * bars["close"][t]
        for t in range(len(bars["close"]))
    ]


def hysteresis(values, enter, leave):
    out, held = [], False
    for value in values:
        if value is not None and value < enter:
            held = True
        elif value is not None and value > leave:
            held = False
        out.append(held)
    return out


def rsi_reversal(bars, window, enter, leave):
    close = bars["close"]
    moves = [b - a for a, b in itertools.pairwise(close)]
    values = [None] * len(close)
    if len(moves) >= window:
        gain = mean([max(m, 0) for m in moves[:window]])
        loss = mean([max(-m, 0) for m in moves[:window]])
        values[window] = 100 * gain / (gain + loss)
        for t in range(window, len(moves)):
            gain += (max(moves[t], 0) - gain) / window
            loss += (max(-moves[t], 0) - loss) / window
            values[t + 1] = 100 * gain / (gain + loss)
    return hysteresis(values, enter, leave)


def bollinger(bars, window, width, leave):
    close, values = bars["close"], []
    for t in range(len(close)):
        part = close[max(t + 1 - window, 0) : t + 1]
        middle = mean(part)
        spread = math.sqrt(mean([(p - middle) ** 2 for p in part]))
        values.append((close[t] - middle) / spread if len(part) == window and spread else None)
    return hysteresis(values, -width, leave)


def breakout(bars, enter, leave):
    out, held = [], False
    for t, close in enumerate(bars["close"]):
        if t >= enter and close > max(bars["high"][t - enter : t]):
            held = True
        elif t >= leave and close < min(bars["low"][t - leave : t]):
            held = False
        out.append(held)
    return out


def ma_cross(bars, fast, slow):
    close = bars["close"]
    return [
        t + 1 >= slow
        and mean(close[t + 1 - fast : t + 1]) > mean(close[t + 1 - slow : t + 1]) * (1 + 1e-12)
        for t in range(len(close))
    ]


def volatility_target(bars, window, target, _step):
    close, out = bars["close"], []
    for t in range(len(close)):
        if t < window:
            out.append(0.0)
            continue
        moves = [close[i] / close[i - 1] - 1 for i in range(t - window + 1, t + 1)]
        realised = math.sqrt(mean([m * m for m in moves]) * 244) * 100
        out.append(min(target / realised, 1.0) if realised else 1.0)
    return out


def ranking(panel, lookback, skip, top, every, first, sign):
    """(T, N) wishes of a ranking family on the calendar."""
    days, count = panel.shape
    close = panel["close"]
    rows = [[t for t in range(days) if not math.isnan(close[t, n])] for n in range(count)]
    out, chosen = [], [False] * count
    for t in range(days):
        if t >= max(first - 1, 0) and (t - max(first - 1, 0)) % every == 0:
            scores = {}
            for n in range(count):
                if t in rows[n] and rows[n].index(t) >= lookback + skip:
                    i = rows[n].index(t) - skip
                    scores[n] = sign * (close[rows[n][i], n] / close[rows[n][i - lookback], n] - 1)
            number = max(math.floor(len(scores) * top / 100 + 0.5), 1)
            border = sorted(scores.values(), reverse=True)[:number]
            chosen = [n in scores and scores[n] >= border[-1] for n in range(count)]
        out.append(list(chosen))
    return out


def partial_account(opens, closes, weights, step, buy_fee, sell_fee, slippage, first):
    """Daily returns of an account that follows a wished fraction."""
    cash, shares, before, out = 1.0, 0.0, 1.0, []
    for t in range(len(closes)):
        if t > 0 and t >= first and not math.isnan(opens[t]):
            value = cash + shares * opens[t]
            gap = weights[t - 1] * value - shares * opens[t]
            if gap > step * value:
                price = opens[t] * (1 + slippage) * (1 + buy_fee[t])
                bought = min(gap / opens[t], cash / price)
                cash -= bought * price
                shares += bought
            elif -gap > step * value or (weights[t - 1] == 0 and shares > 0):
                sold = shares if weights[t - 1] == 0 else -gap / opens[t]
                cash += sold * opens[t] * (1 - slippage) * (1 - sell_fee[t])
                shares -= sold
        after = cash + shares * closes[t]
        out.append(after / before - 1)
        before = after
    return out
