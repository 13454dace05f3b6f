"""The slow, obvious portfolio: dictionaries, one order at a time, plain Python."""

import math


def down_to(quantity, minimum, lot):
    if quantity < minimum:
        return 0.0
    return minimum + math.floor((quantity - minimum) / lot + 1e-9) * lot


def charge(value, rate, stamp, transfer, smallest, ruled):
    fees = [max(value * rate, smallest), value * stamp, value * transfer]
    return [math.floor(f * 100 + 0.5) / 100 for f in fees] if ruled else fees


def run(  # noqa: C901  # one loop from top to bottom is what makes it obvious
    targets, fill, close, growth, up, down, minimum, lot, rates, smallest, slippage, ruled, cash
):
    """Equity and cash after each row, and lists of trades and refusals."""
    shares, last, silent = {}, {}, {}
    equity, money, trades, refusals = [], [], [], []
    count = len(close[0])

    def worth(prices):
        return math.fsum(
            q * (last[n] if math.isnan(prices[n]) else prices[n]) for n, q in shares.items()
        )

    for t in range(len(close)):
        for n in range(count):
            if n in shares:
                shares[n] *= growth[t][n]
            if n in last:
                last[n] /= growth[t][n]
        goal = targets[t - 1] if t > 0 else [math.nan] * count
        if not math.isnan(goal[0]):
            total = cash + worth(fill[t])
            gaps = {}
            for n in range(count):
                have = shares.get(n, 0.0)
                if have == 0.0 and goal[n] == 0.0:
                    continue
                price = last.get(n, math.nan) if math.isnan(fill[t][n]) else fill[t][n]
                gap = goal[n] * total - (have * price if have else 0.0)
                if goal[n] and abs(gap) < 1e-6:
                    continue
                if math.isnan(fill[t][n]):
                    refusals.append((t, n, "suspended"))
                elif ruled and gap > 0 and fill[t][n] >= up[t][n] - 1e-6:
                    refusals.append((t, n, "at the upper limit"))
                elif ruled and gap < 0 and fill[t][n] <= down[t][n] + 1e-6:
                    refusals.append((t, n, "at the lower limit"))
                else:
                    gaps[n] = gap
            rate, stamp_buy, stamp_sell, transfer = (r[t] for r in rates)
            for n, gap in sorted(gaps.items()):
                if gap >= 0:
                    continue
                quantity = shares[n]
                if goal[n]:
                    quantity = min(-gap / fill[t][n], quantity)
                    if ruled:
                        quantity = math.floor(quantity / lot[n] + 1e-9) * lot[n]
                        if quantity < minimum[n]:
                            continue
                price = fill[t][n] * (1 - slippage)
                price = max(price, down[t][n]) if ruled else price
                fees = charge(quantity * price, rate, stamp_sell, transfer, smallest, ruled)
                cash += quantity * price - sum(fees)
                shares[n] -= quantity
                if not goal[n]:
                    del shares[n]
                trades.append((t, n, -quantity, price, *fees))
            wishes = {n: g for n, g in gaps.items() if g > 0}
            needed = 0.0
            for gap in wishes.values():
                value = gap * (1 + slippage)
                needed += value * (1 + stamp_buy + transfer) + max(value * rate, smallest)
            scale = min(1.0, max(cash, 0.0) / needed) if needed else 1.0
            for n, gap in sorted(wishes.items()):
                price = fill[t][n] * (1 + slippage)
                price = min(price, up[t][n]) if ruled else price
                wished = gap * scale / fill[t][n]
                spare = cash - 0.03 if ruled else cash
                most = min(
                    spare / (1 + stamp_buy + transfer + rate),
                    (spare - smallest) / (1 + stamp_buy + transfer),
                )
                most = max(most, 0.0) * (1 - 1e-12) / price
                if ruled:
                    wished, most = (
                        down_to(wished, minimum[n], lot[n]),
                        down_to(most, minimum[n], lot[n]),
                    )
                quantity = min(wished, most)
                if quantity <= 0:
                    reason = "less than the smallest order" if wished <= 0 else "not enough cash"
                    refusals.append((t, n, reason))
                    continue
                fees = charge(quantity * price, rate, stamp_buy, transfer, smallest, ruled)
                cash -= quantity * price + sum(fees)
                shares[n] = shares.get(n, 0.0) + quantity
                trades.append((t, n, quantity, price, *fees))
        for n in range(count):
            if not math.isnan(close[t][n]):
                last[n], silent[n] = close[t][n], 0
                continue
            silent[n] = silent.get(n, 0) + 1
            if silent[n] > 250 and n in shares:
                cash += shares[n] * last[n]
                trades.append((t, n, -shares.pop(n), last[n], 0.0, 0.0, 0.0))
        money.append(cash)
        equity.append(cash + worth(close[t]))
    return equity, money, trades, refusals
