"""Closes of CSI 300 members beyond the day's limits, each attributed or counted as unexplained.

Run with `pytest -s` to see the table by year. Prices are unadjusted, members are those of 2021.
What is known and what is inferred must not be mixed up:

* `listing`: inside the sessions without a limit after a listing;
* `action`: inside the limits of the ex-right price by the known terms (until 2011-11-25);
* `reform`: back from five or more sessions of suspension in the share-structure reform, 2005 to
  2008, whose first session has no limit; resumptions of those years cannot be told from it;
* `resumed`: back from five or more sessions of suspension in other years: relistings have no limit,
  actions may lie inside the suspension;
* `inferred`: after the last known action, the open had already fallen and both open and close lie
  where a bonus of n tenths of a share with a usual dividend puts them. This is weak evidence: most
  falls of any size would fit. What speaks for it is that nothing ever closed above a limit without
  a suspension, that the falls were there at the open, that they stayed, and their season;
* `unexplained`: the rest.

`by terms` counts the other way round: closes that only the terms put outside, because the payments
of the reform are recorded as bonus shares but did not dilute.
"""

import numpy as np
import pandas as pd
import pytest

from tasks.data.panel import Panel
from tasks.market.rules_limits import ACTION_FIELDS, beyond, limits, reference_prices

LAST_KNOWN_ACTION = np.datetime64("2011-11-25")
SUSPENDED = 5
REFORM = (np.datetime64("2005-05-01"), np.datetime64("2008-12-31"))
BONUS = np.arange(31) / 10
YIELD = np.arange(6) / 100
CAUSES = ("listing", "action", "reform", "resumed", "inferred", "unexplained")


def csi300(folder):
    frame = pd.read_parquet(folder / "cn_csi300_daily_unadj_2005_2021.parquet")
    frame = frame[frame["volume"] > 0]
    frame["symbol"] = frame["symbol"].str[3:] + "." + frame["symbol"].str[:2].str.upper()
    return Panel.from_frame(frame)


def with_terms(bars, folder):
    """The terms of the known corporate actions as fields, on the session of the ex-day."""
    table = pd.read_parquet(folder / "cn_corporate_actions_1986_2011.parquet")
    table["symbol"] = table["code"].astype(str) + "." + table["market"]
    table = table[table["symbol"].isin(bars.symbols)].drop_duplicates(["symbol", "date"])
    terms = {name: np.zeros(bars.shape) for name in ACTION_FIELDS}
    for action in table.itertuples():
        day = np.datetime64(pd.Timestamp(str(action.date)), "D")
        t, n = int(np.searchsorted(bars.dates, day)), bars.column(action.symbol)
        if bars.dates[0] < day <= bars.dates[-1]:
            terms["cash_dividend"][t, n] = action.bonus / 1e4
            terms["bonus_shares"][t, n] = (action.countAsGift + action.countOfIncreasement) / 1e5
            terms["rights_shares"][t, n] = action.countForSell / 1e5
            terms["rights_price"][t, n] = action.priceForSell / 1e3
    return bars.with_fields(**terms)


def sessions_missed(close):
    """Sessions in a row without trading before each row, (T, N)."""
    traded = ~np.isnan(close)
    missed, silent = np.zeros(close.shape, dtype=int), np.zeros(close.shape[1], dtype=int)
    for t in range(len(close)):
        missed[t] = silent
        silent = np.where(traded[t], 0, silent + 1)
    return missed


def like_an_action(bars, rate=0.1):
    """Whether open and close of a fall lie where a bonus and a dividend would put them, (T, N)."""
    reference = reference_prices(bars)
    fits = np.zeros(bars.shape, dtype=bool)
    for bonus in BONUS:
        for paid in YIELD:
            after = reference * (1 - paid) / (1 + bonus)
            near = np.abs(bars["open"] / after - 1) <= 0.03
            fits |= near & (np.abs(bars["close"] / after - 1) <= rate)
    return fits & (bars["open"] < reference)


def attribute(bars, folder):
    """Name of the cause to cells, (T, N) each, every cell beyond a plain limit once."""
    open_ended = dict.fromkeys(bars.symbols, "1990-12-19")  # as if there were no listing windows
    up, down = limits(bars, listed_on=open_ended)
    close, dates = bars["close"], bars.dates[:, None]
    outside = (close > up + 1e-6) | (close < down - 1e-6)
    back = sessions_missed(close) >= SUSPENDED
    reform = (dates >= REFORM[0]) & (dates <= REFORM[1])
    tests = {
        "listing": ~beyond(bars),
        "action": ~beyond(with_terms(bars, folder)),
        "reform": back & reform,
        "resumed": back & ~reform,
        "inferred": (dates > LAST_KNOWN_ACTION) & like_an_action(bars),
    }
    causes, rest = {}, outside
    for name, test in tests.items():
        causes[name] = rest & test
        rest = rest & ~test
    return causes | {"unexplained": rest}


def by_year(bars, cells):
    years = bars.dates.astype("datetime64[Y]").astype(int) + 1970
    return pd.DataFrame(
        {name: pd.Series(c.sum(axis=1)).groupby(years).sum() for name, c in cells.items()}
    )


@pytest.fixture(scope="module")
def bars(real_data):
    return csi300(real_data)


@pytest.mark.slow
def test_closes_beyond_the_limits_are_attributed(bars, real_data):
    table = by_year(bars, attribute(bars, real_data))
    assert tuple(table.columns) == CAUSES
    terms = beyond(with_terms(bars, real_data)) & ~beyond(bars)
    against = by_year(bars, {"by terms": terms})["by terms"]
    total = table.sum(axis=1)
    print("\n" + table.assign(total=total).join(against).to_string())
    known = table.loc[2005:2011]
    left = known.drop(columns=["listing", "action"]).sum(axis=1)
    assert total.loc[2005:2011].sum() == 365
    assert left.tolist() == [7, 21, 6, 3, 2, 1, 0]
    assert (left + against.loc[2005:2011]).tolist() == [12, 30, 8, 3, 2, 1, 0]
    assert table["unexplained"].sum() <= 7


@pytest.mark.slow
def test_what_speaks_for_actions_after_the_known_ones(bars):
    """Falls without a suspension from 2012 on: one-sided, overnight, lasting, in the season."""
    up, down = limits(bars)
    close, reference = bars["close"], reference_prices(bars)
    late = (bars.dates >= np.datetime64("2012-01-01"))[:, None] & (sessions_missed(close) == 0)
    assert not (late & (close > up + 1e-6)).any()
    fell = late & (close < down - 1e-6)
    rows, columns = np.nonzero(fell)
    assert (bars["open"][fell] < reference[fell]).all()
    later = [np.nanmax(close[t : t + 20, n]) for t, n in zip(rows, columns, strict=True)]
    came_back = float(np.mean(np.array(later) >= reference[fell]))
    season = np.isin(bars.dates.astype("datetime64[M]").astype(int)[rows] % 12 + 1, range(4, 8))
    fits = like_an_action(bars)[fell]
    print(
        f"\nfalls without a suspension: {len(rows)}, fit an action {fits.mean():.0%}, back within "
        f"20 sessions {came_back:.1%}, in April to July {season.mean():.0%}"
    )
    assert came_back < 0.05
    assert season.mean() > 0.7
