"""Many requests in a file, answered into a file: OpenAI's `/v1/batches`, run by every API process together."""
