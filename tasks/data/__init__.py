"""Sources, panel, quality gate, universe, adjustment, artifact store and trial sets.

Pure modules:

* `panel` - named fields over one (dates x symbols) grid, the currency between the rooms
* `store`, `keys`, `codehash` - content-addressed artifacts, and what their keys hash
* `sources` - one module per source, each with `load(...) -> Panel` and `read(...) -> frame`
* `gate` - the quality gate, which sets rows and symbols aside with a reason
"""
