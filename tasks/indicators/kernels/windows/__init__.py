"""Windows over calendar rows with gaps, for the expression language.

A window is the last n rows of a tile (T, L), or fewer at its start. Missing values, and infinite
ones as in pandas, are left out of a window; a result needs at least one value left in it. Each
kernel takes its inputs, its parameters, its result and its scratch `s`; result and scratch are
memory of their own (`compiling.lane_kernel`), never an input's.

Most kernels cut the rows into blocks of n: a window is a suffix of the older block and a prefix of
the newer one, both accumulated once. Nothing is ever subtracted, so what has left the window leaves
no rounding behind, and a block border depends on the row only, never on other symbols.
"""
