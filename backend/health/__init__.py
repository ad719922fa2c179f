"""Whether this process can let jobs in, and how the pool is."""
