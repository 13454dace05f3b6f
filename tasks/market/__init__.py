"""The market as data: symbols and boards, exchange sessions, dated trading rules.

* `symbols` - vendors' spellings to `600519.SH`; which board a code belongs to; what is an index
* `calendar` - exchange sessions; `calendar_overrides` holds corrections and coming holidays
* `rules` - the rules in force for a symbol on a day; `rules_rows` holds them, each with its source
"""
