"""OpenAI's protocol: chat, completions, embeddings and models. Its responses, files and batches are other rooms."""
