"""Requests that nobody would write: none may cost more than an error in the right shape."""
