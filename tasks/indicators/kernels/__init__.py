"""Kernels on tiles: rows are bars, columns are lanes (one symbol each) that never meet.

Every kernel takes its inputs, its parameters, its results and at last its scratch `s` (rows of one
value per lane). It fills all rows of its results: NaN during the warm-up. Lanes are the inner loop,
so that the compiler computes several at once in strict IEEE arithmetic.
"""
