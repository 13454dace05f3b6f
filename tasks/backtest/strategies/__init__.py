"""Strategy families: from one stock's bars to the wish to hold it, for many parameter sets at once.

- family.py: what a family is
- registry.py: the families by name
- trend.py: crossing averages, MACD, channel breakout
- reversion.py: relative strength index, Bollinger bands
- ranking.py: momentum and reversal, stocks compared with each other
- risk.py: volatility target
- user.py: the user's own, from a TOML or a Python file
- arithmetic.py: what such a file says of its parameters
"""
