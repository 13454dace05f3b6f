"""The slow, obvious portfolio: dictionaries, one event at a time, plain Python.

`bars` maps names to lists of rows: `fill`, `close`, and where they apply `up`, `down`, `volume`,
`factor`, `dividend`, `bonus`, `rights`, `rights_price`, `payout`. `how` maps the names below.
"""

import math

CENT = 0.01


def down_to(quantity, minimum, lot):
    if quantity < minimum:
        return 0.0
    return minimum + math.floor((quantity - minimum) / lot + 1e-9) * lot


def to_cents(amount):
    return math.floor(amount * 100 + 0.5) / 100


class Portfolio:
    def __init__(self, bars, how, cash):
        self.bars, self.how, self.cash = bars, how, cash
        self.shares, self.last, self.factor, self.silent = {}, {}, {}, {}
        self.trades, self.refusals, self.actions = [], [], []
        # of the last orders: why they were refused, and what was not filled as it was wanted
        self.refused, self.short, self.waiting = {}, {}, []

    def money(self, amount):
        return to_cents(amount) if self.how["ruled"] else amount

    def worth(self, prices):
        return math.fsum(
            q * (self.last[n] if math.isnan(prices[n]) else prices[n])
            for n, q in self.shares.items()
        )

    # corporate actions ---------------------------------------------------------------------------
    def begin(self, t, n):
        held = self.shares.get(n, 0.0)
        if "dividend" in self.bars:
            terms = [self.bars[k][t][n] for k in ("dividend", "bonus", "rights", "rights_price")]
            self.pay_out(t, n, held, *terms)
        elif "factor" in self.bars:
            factor = self.bars["factor"][t][n]
            if not math.isnan(factor):
                growth = factor / self.factor.get(n, factor)
                self.factor[n] = factor
                if growth != 1.0:
                    if n in self.last:
                        self.last[n] /= growth
                    if held:
                        self.actions.append((t, n, "shares by factor", held * (growth - 1), 0.0))
                        self.shares[n] *= growth
        if "payout" in self.bars and not math.isnan(self.bars["payout"][t][n]):
            self.last.pop(n, None)
            if self.shares.get(n):
                amount = self.money(self.shares[n] * self.bars["payout"][t][n])
                self.actions.append((t, n, "delisted", -self.shares.pop(n), amount))
                self.cash += amount

    def pay_out(self, t, n, held, dividend, bonus, rights, asked):
        if n in self.last:
            rights_worth = rights if asked > 0 else 0.0
            due = rights_worth * asked if rights_worth else 0.0
            self.last[n] = (self.last[n] - dividend + due) / (1 + bonus + rights_worth)
        if not held:
            return
        if dividend:
            amount = self.money(held * dividend)
            self.actions.append((t, n, "dividend", 0.0, amount))
            self.cash += amount
        if bonus:
            self.actions.append((t, n, "new shares", held * bonus, 0.0))
            self.shares[n] += held * bonus
        if rights:
            ruled = self.how["ruled"]
            offered = math.floor(held * rights + 1e-9) if ruled else held * rights
            priced = asked > 0
            taken = min(offered, self.cash / asked) if self.how["subscribe"] and priced else 0.0
            if ruled:
                taken = math.floor(taken + 1e-9)
                while taken and self.money(taken * asked) > self.cash:
                    taken -= 1
            if taken <= 1e-9 * offered:
                taken = 0.0
            if taken:
                price = min(self.money(taken * asked), self.cash)
                self.actions.append((t, n, "rights taken up", taken, -price))
                self.cash -= price
                self.shares[n] += taken
            if offered - taken > 1e-9 * offered:
                lapsed = "rights lapsed"
                if self.how["subscribe"] and not priced:
                    lapsed += ", no price known"
                self.actions.append((t, n, lapsed, taken - offered, 0.0))

    # orders --------------------------------------------------------------------------------------
    def trade(self, t, goal, among, again):
        yesterday = {n: why for n, (_, why) in self.short.items()} if again else {}
        self.refused, self.short, before = {}, {}, self.cash
        price = [
            f if f > 0 and not math.isnan(c) else math.nan
            for f, c in zip(self.bars["fill"][t], self.bars["close"][t], strict=True)
        ]
        total = self.cash + self.worth(price)
        sales, buys = {}, {}
        for n in among:
            held = self.shares.get(n, 0.0)
            if not held and not goal[n]:
                continue
            rests = math.isnan(price[n])
            known = self.last.get(n, math.nan) if rests else price[n]
            if self.how["kind"] == "shares" or goal[n] == 0:
                gap = goal[n] - held
                amount = gap * known
            else:
                amount = goal[n] * total - (held * known if held else 0.0)
                gap = amount / known
            if goal[n] and abs(amount) < 1e-6:
                continue
            reason = self.forbidden(t, n, gap, price[n])
            if reason:
                self.refuse(n, reason, goal[n] if math.isnan(gap) else gap)
            elif gap < 0:
                sales[n] = gap
            else:
                buys[n] = gap
        for n in sorted(sales):
            self.sell(t, n, -sales[n], price[n])
        for n in sorted(buys):
            if yesterday.get(n) == "not enough cash" and self.cash <= before:
                self.refuse(n, "not enough cash", buys.pop(n))
        self.buy_all(t, buys, price)
        self.waiting = self.still_open()
        # an order that is stopped as on the day before was told of then
        self.refusals += [(t, n, r) for n, r in self.refused.items() if yesterday.get(n) != r]

    def still_open(self):
        market = ("suspended", "at the upper limit", "at the lower limit")
        market += ("more than the bar's volume allows",)
        lots = "less than the smallest order"
        sales = [n for n, (wanted, why) in self.short.items() if wanted < 0 and why != lots]
        buys = [
            n for n, (wanted, why) in self.short.items()
            if wanted > 0 and (why in market or (why == "not enough cash" and sales))
        ]  # fmt: skip
        return sorted(sales + buys)

    def forbidden(self, t, n, gap, price):
        if math.isnan(price):
            return "suspended"
        if self.how["ruled"] and gap > 0 and price >= self.bars["up"][t][n] - self.how["touch"]:
            return "at the upper limit"
        if self.how["ruled"] and gap < 0 and price <= self.bars["down"][t][n] + self.how["touch"]:
            return "at the lower limit"
        return ""

    def within_volume(self, t, n, wanted):
        if not self.how["cap"]:
            return wanted
        volume = self.bars["volume"][t][n]
        return min(wanted, self.how["cap"] * volume if volume > 0 else 0.0)

    def charge(self, t, value, side):
        rate, stamp_buy, stamp_sell, transfer = (r[t] for r in self.how["rates"])
        stamp = stamp_buy if side == "buy" else stamp_sell
        fees = [max(value * rate, self.how["smallest"]), value * stamp, value * transfer]
        return [self.money(f) for f in fees]

    def sell(self, t, n, wanted, fill):
        quantity = self.within_volume(t, n, wanted)
        reason = "more than the bar's volume allows" if quantity < wanted else "lots"
        if self.how["ruled"] and quantity < self.shares[n]:
            quantity = self.sellable(n, quantity)
        if quantity <= 0:
            self.refuse(n, reason, -wanted)
            return
        price = fill * (1 - self.how["slippage"])
        if self.how["ruled"]:
            price = max(price, self.bars["down"][t][n])
        value = self.money(quantity * price)
        fees = self.charge(t, value, "sell")
        if self.cash + value - sum(fees) < 0:
            self.refuse(n, "not enough cash", -wanted)
            return
        self.cash += value - sum(fees)
        self.shares[n] -= quantity
        if not self.shares[n]:
            del self.shares[n]
        cut = reason if quantity < wanted * (1 - 1e-12) else ""
        if cut:
            self.short[n] = (-wanted, cut.replace("lots", "less than the smallest order"))
        self.trades.append((t, n, -quantity, price, *fees, cut))

    def sellable(self, n, wanted):
        lot, minimum = self.how["lot"][n], self.how["minimum"][n]
        odd = math.floor(self.shares[n] + 1e-9) % lot
        lots = [lot * i for i in range(math.floor(wanted / lot + 1e-9) + 1)]
        choices = [q for q in lots if q >= minimum]
        if odd:
            choices += [odd + q for q in lots if odd + q <= wanted + 1e-9 * lot]
        return max(choices, default=0.0)

    def buy_all(self, t, buys, fill):
        rate, stamp, _, transfer = (r[t] for r in self.how["rates"])
        capped = {n: self.within_volume(t, n, wanted) for n, wanted in buys.items()}
        needed = 0.0
        for n, quantity in capped.items():
            value = quantity * fill[n] * (1 + self.how["slippage"])
            if value:
                needed += value * (1 + stamp + transfer) + max(value * rate, self.how["smallest"])
        scale = min(1.0, max(self.cash, 0.0) / needed) if needed else 1.0
        for n in sorted(buys):
            self.buy(t, n, buys[n], capped[n], scale, fill[n])

    def buy(self, t, n, wanted, capped, scale, fill):
        rate, stamp, _, transfer = (r[t] for r in self.how["rates"])
        price = fill * (1 + self.how["slippage"])
        if self.how["ruled"]:
            price = min(price, self.bars["up"][t][n])
        spare = self.cash - 3 * CENT if self.how["ruled"] else self.cash
        most = min(
            spare / (1 + stamp + transfer + rate),
            (spare - self.how["smallest"]) / (1 + stamp + transfer),
        )
        most = max(most, 0.0) * (1 - 1e-12) / price
        possible = capped
        quantity = min(capped * scale, most)
        if self.how["ruled"]:
            lots = (self.how["minimum"][n], self.how["lot"][n])
            possible = down_to(capped, *lots)
            quantity = min(down_to(capped * scale, *lots), down_to(most, *lots))
        reason = "more than the bar's volume allows" if capped < wanted else "lots"
        if quantity < possible * (1 - 1e-12):
            reason = "not enough cash"
        if quantity <= 0:
            self.refuse(n, reason, wanted)
            return
        value = self.money(quantity * price)
        fees = self.charge(t, value, "buy")
        self.cash -= value + sum(fees)
        self.shares[n] = self.shares.get(n, 0.0) + quantity
        cut = reason if quantity < wanted * (1 - 1e-12) else ""
        if cut:
            self.short[n] = (wanted, cut.replace("lots", "less than the smallest order"))
        self.trades.append((t, n, quantity, price, *fees, cut))

    def refuse(self, n, reason, wanted):
        self.refused[n] = "less than the smallest order" if reason == "lots" else reason
        self.short[n] = (wanted, self.refused[n])

    # the close -----------------------------------------------------------------------------------
    def end(self, t, n):
        close = self.bars["close"][t][n]
        if not math.isnan(close):
            self.last[n], self.silent[n] = close, 0
            return
        self.silent[n] = self.silent.get(n, 0) + 1
        if self.silent[n] > 250 and n in self.shares:
            amount = self.money(self.shares[n] * self.last[n])
            self.actions.append((t, n, "no price for 250 sessions", -self.shares.pop(n), amount))
            self.cash += amount


def run(bars, targets, how, cash):
    """Equity, cash and shares after each row, and lists of trades, refusals and actions."""
    p = Portfolio(bars, how, cash)
    equity, money, shares = [], [], []
    count = len(bars["close"][0])
    for t in range(len(bars["close"])):
        for n in range(count):
            p.begin(t, n)
        if t > 0 and not math.isnan(targets[t - 1][0]):
            goal = targets[t - 1]
            p.trade(t, goal, range(count), again=False)
        elif how["retry"] and p.waiting:
            p.trade(t, goal, p.waiting, again=True)
        for n in range(count):
            p.end(t, n)
        money.append(p.cash)
        equity.append(p.cash + p.worth(bars["close"][t]))
        shares.append([p.shares.get(n, 0.0) for n in range(count)])
    return equity, money, shares, p.trades, p.refusals, p.actions
