"""Requests that no client would send: none may cost more than an error in the right shape."""
