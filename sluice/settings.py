"""What `sluice up` and `sluice doctor` read: the API's settings, and how many workers the house gets.

Workers read their own settings; what is decided here reaches every process through its environment.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from backend.settings import ApiSettings


class UpSettings(ApiSettings):
    """One machine's house. A field's alias is its environment variable."""

    workers: int = Field(1, ge=0, le=64, alias="SLUICE_WORKERS")
    # Jobs that a cloud's worker runs at once: no GPU here limits them, only what the provider allows.
    cloud_slots: int = Field(8, alias="SLUICE_CLOUD_SLOTS", ge=1, le=256)
    # Megabytes that the Valkey which is started here may fill; a full one refuses new jobs. Unset: a quarter of the
    # machine's memory, between 256 MB and 4 GB.
    valkey_mb: int | None = Field(None, alias="SLUICE_VALKEY_MB", ge=32)

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        """Children may run elsewhere, and messages should name the whole path."""
        return value.expanduser().absolute()

    @property
    def builds_page(self) -> bool:
        """False also where a page was named: it is somebody else's work."""
        return self.page == "auto" and self.page_dir is None

    @property
    def redis_is_given(self) -> bool:
        """True where `REDIS_URL` was set: then no Valkey is started."""
        return "redis_url" in self.model_fields_set

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the API."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - bound only if allowed
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"
