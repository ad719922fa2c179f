"""OpenAI's `/v1/responses`: answers that are kept for a day, told again, continued, cancelled and deleted."""
