"""The worker: one GPU, one process. ask → execute → finish; `engines/` is where models are spoken to."""
