"""Engines: where a worker sends its jobs to models. `base` defines an engine, `store` the store of its models.

<name>           the engine: it answers
<name>_store     its models: which there are, and how to pull, load and unload one
<name>_wire      its JSON: the body of a job, and the reader of an answer's lines
<name>_stream    the reader, where it fills a file
<name>_faults    what its statuses and error texts mean
auto, cloud, openai_named    which engine a worker uses, and the making of it
"""
