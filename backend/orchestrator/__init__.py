"""An API process marks the busy workers for the orchestrator that runs them."""
