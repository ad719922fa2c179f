"""The settings of a worker process, on top of those that it shares with the API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field

from wire.settings import WireSettings

# Qwen 2.5 at half a billion parameters: the smallest model that holds a conversation on a laptop's CPU (about 400 MB).
DEFAULT_GGUF_URL = (
    "https://huggingface.co/Qwen/Qwen2.5-0.5B-Instruct-GGUF/resolve/main/qwen2.5-0.5b-instruct-q4_k_m.gguf"
)


def as_path(value: object) -> object:
    """`~` is the user's home, as a shell would have it: `.env` files know no shell."""
    return Path(value).expanduser() if isinstance(value, str) else value


def gguf_address(value: str) -> str:
    """The file's name is taken from the address, and tells the model's name and that a download is whole."""
    path = value.partition("?")[0]
    if not value.startswith(("http://", "https://")) or not path.endswith(".gguf"):
        raise ValueError("must be an http(s) address that ends in .gguf")
    return value


EngineName = Literal["auto", "ollama", "llama-cpp", "simulated"]
UserPath = Annotated[Path | None, BeforeValidator(as_path)]
GgufUrl = Annotated[str, AfterValidator(gguf_address)]


class WorkerSettings(WireSettings):
    """One worker: which engine it speaks to, how much at a time, and how long it waits for what."""

    engine: EngineName = Field("auto", alias="SLUICE_ENGINE")
    # Jobs run at once. Set it to Ollama's OLLAMA_NUM_PARALLEL: past that Ollama queues, out of our queue's sight.
    slots: int = Field(1, validation_alias=AliasChoices("SLUICE_SLOTS", "QUEUE_CONCURRENCY"), ge=1, le=256)
    gguf: UserPath = Field(None, alias="SLUICE_GGUF")
    gguf_url: GgufUrl = Field(DEFAULT_GGUF_URL, alias="SLUICE_GGUF_URL")
    # Milliseconds. The longest silence: loading a big model from a slow disk says nothing for minutes.
    timeout_ms: int = Field(300_000, alias="OLLAMA_TIMEOUT", ge=1_000)
    # Only before the first token: after it, another attempt decides whether to continue or start anew.
    max_retries: int = Field(3, alias="OLLAMA_MAX_RETRIES", ge=0, le=20)
    backoff: Literal["exponential", "fixed"] = Field("exponential", alias="QUEUE_BACKOFF_TYPE")
    # Seconds a worker that was told to stop may go on with what it runs; the rest goes back to the queue.
    grace: float = Field(30.0, alias="SLUICE_GRACE_SECONDS", ge=0, le=86_400)
    simulated_rate: float = Field(50.0, alias="SLUICE_SIMULATED_RATE", ge=0)  # tokens a second a job; 0: no pause
    simulated_load_ms: int = Field(0, alias="SLUICE_SIMULATED_LOAD_MS", ge=0)  # to show `loading_model`
    simulated_faults: bool = Field(False, alias="SLUICE_SIMULATED_FAULTS")  # tests only: prompts may order faults

    @property
    def silence(self) -> float:
        """`OLLAMA_TIMEOUT` in seconds."""
        return self.timeout_ms / 1000
