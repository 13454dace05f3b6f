"""Dask clusters, and work spread over them.

* `local` - from `QILIN_CLUSTER` to what Dask needs, on loopback, one thread per task
* `fanout` - the blocks of one task beside each other, inside a Dask task or outside
"""
