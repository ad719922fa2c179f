"""Files that callers upload and batches write: OpenAI's `/v1/files`, kept in SQL."""
