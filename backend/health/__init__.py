"""May traffic come here, and how is the pool."""
