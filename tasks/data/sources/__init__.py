"""One module per data source, each with `read(config, day) -> Bars` and `load(...) -> Panel`.

* `simulated` - the embedded artificial market with a planted signal, and its `oracle`
* `parquet`, `csv` - any long file: columns, dates, symbols and units are recognised (`tables`)
* `qlib` - an existing Qlib directory, adjusted, kept as it is
* `registry` - the same calls for whatever source the settings name
"""
