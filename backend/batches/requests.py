"""The body of `POST /v1/batches`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from backend.dialects.responses.request import Metadata
from backend.ids import FileId

WINDOW_MS = 86_400_000


class BatchRequest(BaseModel):
    model_config = ConfigDict(extra="ignore")

    input_file_id: Annotated[FileId, Field(min_length=1, max_length=64)]
    endpoint: Literal["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses"]
    completion_window: Literal["24h"]
    metadata: Metadata | None = None
