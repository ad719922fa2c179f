"""Stands in for the library that fetches a model: it makes the folder."""

from __future__ import annotations

import os
from pathlib import Path


def snapshot_download(repository: str) -> None:
    Path(os.environ["HF_HOME"], repository).mkdir(parents=True, exist_ok=True)
    print("fetched", repository)
