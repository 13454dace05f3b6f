"""Data health: what the quality gate found, how complete the panel is, what was masked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.data.gate_rules import RULES
from tasks.report.night import Check, Coverage, DataHealth, LargeMove, Quarantined
from tasks.report.words import Text, Words, say

if TYPE_CHECKING:
    import pandas as pd

Json = Mapping[str, Any]

#: days of the coverage strip; older ones are in the artifact
COVERAGE_DAYS = 250
#: rows of each list in the report
LISTED = 50

CHINESE = {
    "repeated": "同一行重复出现",
    "no_date": "该行没有日期",
    "no_session": "该日不是交易日",
    "contradiction": "同一股票同一日有互相矛盾的多行",
    "price_missing": "有成交量但缺少价格",
    "price_infinite": "价格为无穷大",
    "price_not_positive": "价格为零或负数",
    "high_below_low": "最高价低于最低价",
    "beyond_limit": "收盘价超出当日涨跌停限制",
    "outside_range": "开盘价或收盘价超出当日最高最低价",
    "volume_missing": "价格有变动但缺少成交量",
    "volume_invalid": "成交量为负或无穷大",
    "volume_zero": "价格有变动但成交量为零",
    "amount_invalid": "成交额为负或无穷大",
    "factor_invalid": "复权因子缺失、无穷大、为零或负数",
    "symbol_unreliable": "该股票近期坏数据过多",
    "deadly": "计算该股票会使进程崩溃",
}
ADJUSTMENTS: dict[str, Words] = {
    "raw": Text(
        "raw prices with a factor; features, labels and signals use prices adjusted from the "
        "first bar on",
        "原始价格并有复权因子；特征、标签和信号使用以首日为基准的复权价格",
    ),
    "adjusted": Text(
        "prices as the source adjusted them, kept as they are", "价格已由数据源复权，保持原样"
    ),
    "unadjusted": Text(
        "unadjusted prices without any factor: moves beyond the limit are masked in labels",
        "未复权且无复权因子：超出限制的涨跌在标签中屏蔽",
    ),
}


def health(
    notes: Json,
    facts: Json,
    checks: Sequence[Json],
    quarantine: pd.DataFrame,
    moves: pd.DataFrame,
    expected_day: str,
    source: str,
) -> DataHealth:
    """The data's health on the night's last day, and what the gate set aside on the way.

    Args:
        notes: the panel artifact's notes.
        facts: see `tasks.data.health.health`.
        checks: the gate's checks as JSON values.
        quarantine: rows set aside, `symbol date rule value`.
        moves: moves beyond the believable limit, see `universe.large_moves`.
        expected_day: newest session that should be there.
        source: name of the data source.
    """
    present, expected = facts["present"], facts["expected"]
    last = slice(-COVERAGE_DAYS, None)
    return DataHealth(
        expected_day=expected_day,
        last_day=notes["last_day"],
        present=present[-1],
        expected=expected[-1],
        coverage=(
            Coverage(
                source=source,
                days=tuple(facts["days"][last]),
                present=tuple(present[last]),
                expected=tuple(expected[last]),
            ),
        ),
        checks=tuple(_check(c) for c in checks),
        quarantined=tuple(_quarantined(quarantine)),
        quarantined_by_count=_share_of_symbols(quarantine, notes["stocks"]),
        suspended=facts["suspended"],
        special_treatment=facts["special_treatment"],
        newly_listed=facts["newly_listed"],
        limit_locked=notes.get("limit_locked"),
        adjustment=ADJUSTMENTS[notes["adjustment"]],
        masked=tuple(
            LargeMove(symbol=row["symbol"], day=str(row["date"])[:10], change=float(row["move"]))
            for row in _largest(moves).to_dict("records")
        )
        if notes["adjustment"] == "unadjusted"
        else (),
        csv="quarantine.csv",
    )


def rule_words(rule: str) -> Words:
    """A rule of the gate as a sentence in both languages."""
    english = RULES.get(rule, "the same row occurred more than once")
    return Text(english, CHINESE.get(rule, english))


def _check(value: Json) -> Check:
    return Check(
        name=rule_words(value["name"]),
        state=value["state"],
        evaluated=value["evaluated"],
        bad=value["bad"],
        threshold=f"{100 * value['threshold']:g} %",
        worst=value["worst"],
    )


def _quarantined(quarantine: pd.DataFrame) -> list[Quarantined]:
    """One line per symbol and rule, the one with most rows first."""
    if not len(quarantine):
        return []
    grouped = quarantine.groupby(["symbol", "rule"], observed=True)["date"].agg(["min", "count"])
    worst = grouped.sort_values("count", ascending=False).head(LISTED).reset_index()
    return [
        Quarantined(
            symbol=str(row["symbol"]),
            rule=rule_words(str(row["rule"])),
            first_day=str(row["min"])[:10],
            rows=int(row["count"]),
            effect=say(
                "{n} rows count as days without trading",
                "{n} 行按无交易日处理",
                n=str(row["count"]),
            ),
        )
        for row in worst.to_dict("records")
    ]


def _largest(moves: pd.DataFrame) -> pd.DataFrame:
    if not len(moves):
        return moves
    order = np.argsort(-moves["move"].abs().to_numpy(), kind="stable")
    return moves.iloc[order].head(LISTED)


def _share_of_symbols(quarantine: pd.DataFrame, stocks: int) -> float:
    return int(quarantine["symbol"].nunique()) / max(1, stocks)
