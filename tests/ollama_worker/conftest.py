"""The tiny models, made once a session."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny_gguf import make_tiny_gguf


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def tiny_gguf(models_dir: Path) -> Path:
    """A chat model with a ChatML template and a window of 512 tokens."""
    return make_tiny_gguf(models_dir / "tiny.gguf", ctx=512)


@pytest.fixture(scope="session")
def tiny_embedding_gguf(models_dir: Path) -> Path:
    return make_tiny_gguf(models_dir / "tiny-embedding.gguf", ctx=512, embedding=True)
