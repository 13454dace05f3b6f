"""How a night was computed, as a page: its graph, its time, and each number's way to the bars.

`graph` groups the night's blocks into steps and finds the longest chain, `drawing` draws them and
the workers' time as SVG, `page` makes the page of both.
"""
