"""What every API process does for the pool, whoever else does it too: watch lives, deadlines and the clock; tell
waiting callers where they stand; know which models there are."""
