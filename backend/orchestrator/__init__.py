"""What an API process tells the orchestrator that runs the workers: which of them are busy."""
