"""How each step of a night is done: one folder per area, pure modules and one `steps.py`."""
