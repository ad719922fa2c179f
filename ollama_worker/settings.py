"""The settings of a worker process, besides those that it shares with the API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, SecretStr

from wire.settings import Names, WireSettings, split_names

# Qwen 2.5 at half a billion parameters: the smallest model that holds a conversation on a laptop's CPU (about 400 MB).
DEFAULT_GGUF_URL = (
    "https://huggingface.co/Qwen/Qwen2.5-0.5B-Instruct-GGUF/resolve/main/qwen2.5-0.5b-instruct-q4_k_m.gguf"
)


def as_path(value: object) -> object:
    """`~` is the user's home, as in a shell: no shell reads `.env` files."""
    return Path(value).expanduser() if isinstance(value, str) else value


def gguf_address(value: str) -> str:
    """An http(s) address that ends in `.gguf`: the file's name, and from it the model's, is taken from the address."""
    path = value.partition("?")[0]
    if not value.startswith(("http://", "https://")) or not path.endswith(".gguf"):
        raise ValueError("must be an http(s) address that ends in .gguf")
    return value


def server_address(value: object) -> object:
    """Where the routes of an OpenAI-compatible server begin: `/v1` where the address names no path."""
    if not isinstance(value, str) or not value:
        return value
    whole = (value if "://" in value else f"http://{value}").rstrip("/")
    return whole if urlsplit(whole).path else f"{whole}/v1"


EngineName = Literal["auto", "ollama", "openai", "hf", "cloud", "llama-cpp", "simulated"]
CloudName = Literal["openai", "anthropic", "google"]
Clouds = Annotated[tuple[CloudName, ...], BeforeValidator(split_names)]
ServerUrl = Annotated[str | None, BeforeValidator(server_address)]
AN_ADDRESS = r"^https?://[^\s]+$"
UserPath = Annotated[Path | None, BeforeValidator(as_path)]
GgufUrl = Annotated[str, AfterValidator(gguf_address)]


class WorkerSettings(WireSettings):
    """The settings of one worker: its engine, how many jobs it runs at once, and how long it waits."""

    engine: EngineName = Field("auto", alias="SLUICE_ENGINE")
    # Jobs run at once. Set it to Ollama's OLLAMA_NUM_PARALLEL: further jobs would wait inside Ollama, unseen by our
    # queue.
    slots: int = Field(1, validation_alias=AliasChoices("SLUICE_SLOTS", "QUEUE_CONCURRENCY"), ge=1, le=256)
    gguf: UserPath = Field(None, alias="SLUICE_GGUF")
    mmproj: UserPath = Field(None, alias="SLUICE_MMPROJ")  # the projector that lets the file's model see images
    gguf_url: GgufUrl = Field(DEFAULT_GGUF_URL, alias="SLUICE_GGUF_URL")
    # The SHA-256 that a fetched file must have; "" takes any. It is checked once, when the file is fetched.
    gguf_sha256: str = Field("", alias="SLUICE_GGUF_SHA256", pattern=r"^([0-9a-fA-F]{64})?$")
    # Any server that speaks OpenAI's protocol, and a further one (HF_LOCAL_HOST), which `sluice up` gives a worker and
    # a pool of its own.
    openai_url: ServerUrl = Field(None, alias="OPENAI_API_BASE_URL", pattern=AN_ADDRESS)
    openai_key: SecretStr = Field(SecretStr(""), alias="OPENAI_API_KEY")
    hf_url: ServerUrl = Field(None, alias="HF_LOCAL_HOST", pattern=AN_ADDRESS)
    # Only clouds that are named here get requests; a key alone has no effect.
    cloud: Clouds = Field((), alias="SLUICE_CLOUD")
    cloud_models: Names = Field((), alias="SLUICE_CLOUD_MODELS")
    anthropic_key: SecretStr = Field(SecretStr(""), alias="ANTHROPIC_API_KEY")
    google_key: SecretStr = Field(SecretStr(""), alias="GOOGLE_API_KEY")
    cloud_openai_url: str = Field("https://api.openai.com/v1", alias="SLUICE_OPENAI_URL", pattern=AN_ADDRESS)
    cloud_anthropic_url: str = Field("https://api.anthropic.com", alias="SLUICE_ANTHROPIC_URL", pattern=AN_ADDRESS)
    cloud_google_url: str = Field(
        "https://generativelanguage.googleapis.com/v1beta/openai", alias="SLUICE_GOOGLE_URL", pattern=AN_ADDRESS
    )
    # Milliseconds. The longest silence: while a big model is loaded from a slow disk, nothing comes for minutes.
    timeout_ms: int = Field(300_000, alias="OLLAMA_TIMEOUT", ge=1_000)
    # Only before the first token: after it, the next attempt decides whether to continue or to begin anew.
    max_retries: int = Field(3, alias="OLLAMA_MAX_RETRIES", ge=0, le=20)
    backoff: Literal["exponential", "fixed"] = Field("exponential", alias="QUEUE_BACKOFF_TYPE")
    # Seconds that a stopped worker may go on with the jobs it runs; the rest goes back to the queue.
    grace: float = Field(30.0, alias="SLUICE_GRACE_SECONDS", ge=0, le=86_400)
    # Touched every two seconds: a file whose time stands still means a process that hangs. Absent: nothing watches it.
    alive_file: UserPath = Field(None, alias="SLUICE_ALIVE_FILE")
    simulated_rate: float = Field(50.0, alias="SLUICE_SIMULATED_RATE", ge=0)  # tokens a second a job; 0: no pause
    simulated_load_ms: int = Field(0, alias="SLUICE_SIMULATED_LOAD_MS", ge=0)  # to show `loading_model`
    simulated_faults: bool = Field(False, alias="SLUICE_SIMULATED_FAULTS")  # tests only: prompts may order faults

    def cloud_key(self, name: CloudName) -> str:
        keys = {"openai": self.openai_key, "anthropic": self.anthropic_key, "google": self.google_key}
        return keys[name].get_secret_value()

    def cloud_url(self, name: CloudName) -> str:
        urls = {
            "openai": self.cloud_openai_url,
            "anthropic": self.cloud_anthropic_url,
            "google": self.cloud_google_url,
        }
        return urls[name].rstrip("/")

    def cloud_offers(self, name: CloudName) -> tuple[str, ...]:
        """The models that SLUICE_CLOUD_MODELS offers of one cloud: `openai/m` is OpenAI's, `m` is any cloud's."""
        split = [model.partition("/") for model in self.cloud_models]
        others = [head for head, slash, _ in split if slash and head in get_args(CloudName)]
        return tuple(
            rest if head == name and slash else head + slash + rest
            for head, slash, rest in split
            if head == name or head not in others
        )

    @property
    def silence(self) -> float:
        """`OLLAMA_TIMEOUT` in seconds."""
        return self.timeout_ms / 1000
