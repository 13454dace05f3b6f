"""One module per model library, all behind the interface of `base`: fit, predict, bytes, load."""
