"""Alpha158: the 158 factors of Qlib's handler of that name, as expressions.

Families by what they measure: the day's candle, the day's prices, and windows of 5 to 60 days over
price level, trend, range, rank, correlation with volume, shares of rising days, and volume.
"""

from __future__ import annotations

WINDOWS = (5, 10, 20, 30, 60)

#: the day's candle
CANDLE = {
    "KMID": "($close-$open)/$open",
    "KLEN": "($high-$low)/$open",
    "KMID2": "($close-$open)/($high-$low+1e-12)",
    "KUP": "($high-Greater($open, $close))/$open",
    "KUP2": "($high-Greater($open, $close))/($high-$low+1e-12)",
    "KLOW": "(Less($open, $close)-$low)/$open",
    "KLOW2": "(Less($open, $close)-$low)/($high-$low+1e-12)",
    "KSFT": "(2*$close-$high-$low)/$open",
    "KSFT2": "(2*$close-$high-$low)/($high-$low+1e-12)",
}

#: the day's prices over its close
PRICES = {f"{name.upper()}0": f"${name}/$close" for name in ("open", "high", "low", "vwap")}

_RISE = "Greater({x}-Ref({x}, 1), 0)"
_FALL = "Greater(Ref({x}, 1)-{x}, 0)"
_MOVE = "Abs({x}-Ref({x}, 1))"
_SHARE = {
    "P": f"Sum({_RISE}, {{d}})/(Sum({_MOVE}, {{d}})+1e-12)",
    "N": f"Sum({_FALL}, {{d}})/(Sum({_MOVE}, {{d}})+1e-12)",
    "D": f"(Sum({_RISE}, {{d}})-Sum({_FALL}, {{d}}))/(Sum({_MOVE}, {{d}})+1e-12)",
}
_UP = "Mean($close>Ref($close, 1), {d})"
_DOWN = "Mean($close<Ref($close, 1), {d})"
_TURNOVER = "Abs($close/Ref($close, 1)-1)*$volume"

#: families over a window of {d} days, in Qlib's order
ROLLING = {
    "ROC": "Ref($close, {d})/$close",
    "MA": "Mean($close, {d})/$close",
    "STD": "Std($close, {d})/$close",
    "BETA": "Slope($close, {d})/$close",
    "RSQR": "Rsquare($close, {d})",
    "RESI": "Resi($close, {d})/$close",
    "MAX": "Max($high, {d})/$close",
    "MIN": "Min($low, {d})/$close",
    "QTLU": "Quantile($close, {d}, 0.8)/$close",
    "QTLD": "Quantile($close, {d}, 0.2)/$close",
    "RANK": "Rank($close, {d})",
    "RSV": "($close-Min($low, {d}))/(Max($high, {d})-Min($low, {d})+1e-12)",
    "IMAX": "IdxMax($high, {d})/{d}",
    "IMIN": "IdxMin($low, {d})/{d}",
    "IMXD": "(IdxMax($high, {d})-IdxMin($low, {d}))/{d}",
    "CORR": "Corr($close, Log($volume+1), {d})",
    "CORD": "Corr($close/Ref($close,1), Log($volume/Ref($volume, 1)+1), {d})",
    "CNTP": _UP,
    "CNTN": _DOWN,
    "CNTD": f"{_UP}-{_DOWN}",
    **{f"SUM{k}": v.replace("{x}", "$close") for k, v in _SHARE.items()},
    "VMA": "Mean($volume, {d})/($volume+1e-12)",
    "VSTD": "Std($volume, {d})/($volume+1e-12)",
    "WVMA": f"Std({_TURNOVER}, {{d}})/(Mean({_TURNOVER}, {{d}})+1e-12)",
    **{f"VSUM{k}": v.replace("{x}", "$volume") for k, v in _SHARE.items()},
}

#: all 158, name to expression, in Qlib's order
ALPHA158: dict[str, str] = {
    **CANDLE,
    **PRICES,
    **{
        f"{family}{days}": expression.replace("{d}", str(days))
        for family, expression in ROLLING.items()
        for days in WINDOWS
    },
}

#: Qlib's default label: the return from tomorrow's close to that of the day after
LABEL = {"LABEL0": "Ref($close, -2)/Ref($close, -1) - 1"}
