"""The market as data: symbols and boards, exchange sessions, dated trading rules.

* `symbols` - vendors' spellings to `600519.SH`; which board a code belongs to; what is an index
* `calendar` - exchange sessions; `calendar_overrides` holds corrections and coming holidays
* `rules` - the rule book of a market: what was in force for a symbol on a day, and what changed
* `rule` - what one dated row says; `rules_a_share` and `rules_us` hold the rows with their sources
* `rules_limits` - limit prices over a grid of dates and symbols, computed by `limit_kernel`
"""
