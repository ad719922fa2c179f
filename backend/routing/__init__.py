"""Where a job goes: which pool's workers, which model, and what comes next if that one fails before its first token."""
