"""Anthropic's messages over the pool. See `backend.dialects.anthropic`."""
