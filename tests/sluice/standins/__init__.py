"""Small programs that stand in for the API and the worker, so that `sluice up` is tested without them."""
