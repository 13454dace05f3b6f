"""One file per section of the report, B to L, each a pure function of the night.

A (the first screen) is `tasks.report.answers`. `ORDER` is the order on the page; health and leak
tests move up to directly after A when they fail.
"""
