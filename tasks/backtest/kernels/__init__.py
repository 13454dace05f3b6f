"""Compiled loops of the backtests."""
