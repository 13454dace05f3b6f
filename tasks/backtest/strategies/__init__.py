"""Strategy families: from one stock's bars to the wish to hold it, for many parameter sets at once.

family.py      what a family is
registry.py    the families by name
trend.py       followers of a trend
"""
