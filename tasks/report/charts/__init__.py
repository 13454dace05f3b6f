"""Charts as inline SVG, one file per room of the report.

canvas         drawing surface, theme, and the way from matplotlib's SVG to the page's
trials         survivors with intervals, trial histogram
parameter_map  net Sharpe over two parameters
portfolios     growth and drawdown
years          net return by calendar year
costs          net Sharpe against cost
factors        return by quantile, monthly rank IC, decay
models         walk-forward scores, importance
drift          tonight's inputs beside those of training
health         coverage strip
run            timeline

Each chart is a pure function of the night's values and gives a `tasks.report.blocks.Chart`.
"""
