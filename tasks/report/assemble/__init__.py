"""From a run's summary and artifacts to the `Night` that everything people see is made of.

One module per part of the report; each is a pure function of values that were read from the store.
"""
