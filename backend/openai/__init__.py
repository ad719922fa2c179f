"""What OpenAI's clients ask for beside an answer: embeddings, models, and how a chat's job stands."""
