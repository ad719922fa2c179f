"""Engines: where models are spoken to. `base.py` says what one is; a file each for those that there are."""
