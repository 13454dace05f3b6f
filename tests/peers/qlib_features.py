"""Expressions computed by pyqlib on a Qlib directory; runs in the peers' environment.

Use: `python THIS DIRECTORY EXPRESSIONS.json OUT.npz [ROUNDS]`. The expressions are a mapping of
names to texts. OUT holds each name's values as an array (symbols x days) and the `symbols` and
`days`. With rounds, a line on standard input starts each of them and a line with its CPU seconds
ends it; without, there is one round. Caches are off, and one process computes.
"""

import json
import sys
import time

import numpy as np
import qlib
from qlib.data import D


def table(expressions):
    """Every expression of every symbol and day, as Qlib's handlers ask for them."""
    days = D.calendar(freq="day")
    symbols = D.instruments("all")
    return D.features(
        symbols, list(expressions.values()), days[0], days[-1], freq="day", disk_cache=0
    )


def forget():
    """Drop what the last round left in memory."""
    from qlib.data.cache import H

    H.clear()


if __name__ == "__main__":
    directory, source, out = sys.argv[1:4]
    with open(source) as file:
        expressions = json.load(file)
    qlib.init(
        provider_uri=directory,
        expression_cache=None,
        dataset_cache=None,
        kernels=1,
        joblib_backend="sequential",
        logging_level=40,
    )
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    if rounds:
        print("ready", flush=True)
    for _ in range(max(1, rounds)):
        if rounds:
            sys.stdin.readline()
        forget()
        begin = time.process_time()
        frame = table(expressions)
        if rounds:
            print(time.process_time() - begin, flush=True)
    frame.columns = list(expressions)
    wide = {name: frame[name].unstack("datetime") for name in expressions}
    first = next(iter(wide.values()))
    np.savez(
        out,
        symbols=np.array([str(s) for s in first.index]),
        days=first.columns.to_numpy().astype("datetime64[D]"),
        **{f"f:{name}": grid.to_numpy(dtype=np.float64) for name, grid in wide.items()},
    )
