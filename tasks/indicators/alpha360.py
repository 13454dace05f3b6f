"""Alpha360: sixty days of prices and volume over today's, as Qlib's handler of that name has them.

Raw material for networks that find their own features; use `alpha158` for trees.
"""

from __future__ import annotations

DAYS = 60


def _past(field: str, base: str) -> dict[str, str]:
    """One field of the last sixty days, oldest first, over today's base."""
    older = {
        f"{field.upper()}{day}": f"Ref(${field}, {day})/{base}" for day in range(DAYS - 1, 0, -1)
    }
    return {**older, f"{field.upper()}0": f"${field}/{base}"}


#: all 360, name to expression, in Qlib's order
ALPHA360: dict[str, str] = {
    **_past("close", "$close"),
    **_past("open", "$close"),
    **_past("high", "$close"),
    **_past("low", "$close"),
    **_past("vwap", "$close"),
    **_past("volume", "($volume+1e-12)"),
}
