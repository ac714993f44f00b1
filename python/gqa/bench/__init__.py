"""How fast attention is here: against other libraries, and against what the machine allows.

`python -m gqa.bench` times every candidate round-robin in one process on the same buffers, next to the ceilings of the
machine, and checks every result against float64. `cases` says what is timed, `peers` by whom, `ceilings` what would be
possible, `check` what is right; `run` puts them together, `report` and `summary` print.
"""
