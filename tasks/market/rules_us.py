"""US equities as dated rows: sold on the day they were bought, single shares, no daily limits.

Left out, because no row of one value can say it: the pauses of Limit Up-Limit Down (bands within
a day), the FINRA trading activity fee (cents per share with a cap) and the settlement of cash.
"""

from __future__ import annotations

from tasks.market.rule import Rule
from tasks.market.symbols import is_mainland

NAME, TITLE, CURRENCY = "us_equity", "US equities", "USD"
_BOARD = ("us",)
_ADVISORY = "SEC fee rate advisory under Section 31 of the Exchange Act, fiscal year"

#: first day, last day, US dollars per million of sales, fiscal year of the advisory
_SECTION_31 = (
    ("2014-03-18", "2015-02-13", 22.10, 2014),
    ("2015-02-14", "2016-02-15", 18.40, 2015),
    ("2016-02-16", "2017-07-03", 21.80, 2016),
    ("2017-07-04", "2018-05-21", 23.10, 2017),
    ("2018-05-22", "2019-04-15", 13.00, 2018),
    ("2019-04-16", "2020-02-17", 20.70, 2019),
    ("2020-02-18", "2021-02-24", 22.10, 2020),
    ("2021-02-25", "2022-05-13", 5.10, 2021),
    ("2022-05-14", "2023-02-26", 22.90, 2022),
    ("2023-02-27", "2024-05-21", 8.00, 2023),
    ("2024-05-22", "2025-05-13", 27.80, 2024),
    ("2025-05-14", "2026-04-03", 0.00, 2025),
    ("2026-04-04", "", 20.60, 2026),
)


def place(symbol: str) -> tuple[str, str]:
    """Board and exchange of a symbol: every ticker is a US one, mainland codes are not."""
    return ("other" if is_mainland(symbol) else "us"), ""


ROWS = (
    Rule(
        "settlement_days", _BOARD, "", "normal", "2014-03-18", "", 0,
        "FINRA Rule 4210(f)(8)(B) on day trading: bought and sold on the same day",
    ),
    Rule(
        "tick", _BOARD, "", "normal", "2014-03-18", "", 0.01,
        "Regulation NMS Rule 612: one cent for quotes at or above one dollar",
    ),
    Rule(
        "lot_minimum", _BOARD, "", "normal", "2014-03-18", "", 1,
        "Regulation NMS Rule 600 on odd lots: single shares trade",
    ),
    Rule(
        "lot_step", _BOARD, "", "normal", "2014-03-18", "", 1,
        "Regulation NMS Rule 600 on odd lots: single shares trade",
    ),
    Rule(
        "stamp_duty_buy", _BOARD, "", "normal", "2014-03-18", "", 0.0,
        "Exchange Act Section 31: the fee is one on sales",
    ),
    *(
        Rule("stamp_duty_sell", _BOARD, "", "normal", start, end, rate / 1e6, f"{_ADVISORY} {year}")
        for start, end, rate, year in _SECTION_31
    ),
    Rule(
        "transfer_fee", _BOARD, "", "normal", "2014-03-18", "", 0.0,
        "no transfer fee is charged on exchange trades of US equities",
    ),
)  # fmt: skip
