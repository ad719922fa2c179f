"""What a queue costs: `python -m bench` measures Sluice beside a direct call to the same engine, in one run."""
