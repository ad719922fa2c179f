"""What `sluice up` and `sluice doctor` read: where the house listens and how many workers it gets.

The API and the workers read their own settings; what is decided here reaches them through their environment.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from wire.settings import WireSettings


class UpSettings(WireSettings):
    """One machine's house. A field's alias is its environment variable."""

    allow_open: bool = Field(False, alias="SLUICE_ALLOW_OPEN")  # before `host`, whose check looks at it
    host: str = Field("127.0.0.1", alias="SLUICE_HOST", validate_default=True)
    port: int = Field(8000, ge=1, le=65535, validation_alias=AliasChoices("SLUICE_PORT", "PORT"))
    workers: int = Field(1, ge=0, le=64, alias="SLUICE_WORKERS")
    grace: float = Field(30.0, ge=0, le=3600, alias="SLUICE_GRACE_SECONDS")  # what a worker gets to finish its jobs
    engine: Literal["auto", "ollama", "openai", "llama-cpp", "simulated"] = Field("auto", alias="SLUICE_ENGINE")

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        """Children may run elsewhere, and messages should name the whole path."""
        return value.expanduser().absolute()

    @field_validator("host")
    @classmethod
    def _closed_unless_allowed(cls, value: str, info: ValidationInfo) -> str:
        if not is_loopback(value) and not info.data.get("allow_open"):
            raise PydanticCustomError(
                "open_host",
                "this address can be reached from other machines, and Sluice has no accounts yet: anyone there could "
                "use your models. Keep 127.0.0.1, or set SLUICE_ALLOW_OPEN=1 if your network keeps others out",
            )
        return value

    @property
    def redis_is_given(self) -> bool:
        """True where `REDIS_URL` was set: then no Valkey is started."""
        return "redis_url" in self.model_fields_set

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the API."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - bound only if allowed
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def is_loopback(host: str) -> bool:
    """True for what only this machine can reach. A name other than `localhost` is not looked up, and not trusted."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
