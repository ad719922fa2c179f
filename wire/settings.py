"""The settings that both processes read: where Redis is, which pool, how loud the log."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

WRONG_SETTINGS = 2  # exit code: starting the process again cannot help
DEFAULT_MODELS = {"development": "qwen2.5:0.5b", "production": "llama3.1:8b"}


def split_names(value: object) -> object:
    """`a, b,,c` → `("a", "b", "c")`: lists in the environment are separated by commas."""
    if isinstance(value, str):
        return tuple(name.strip() for name in value.split(",") if name.strip())
    return value


def with_scheme(value: object) -> object:
    """The URL of `OLLAMA_HOST`, which may be `host`, `host:port` or a URL. A server binds 0.0.0.0, and a client dials
    loopback instead."""
    if not isinstance(value, str) or not value:
        return value
    url = (value if "://" in value else f"http://{value}").rstrip("/")
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    if ":" not in host.rsplit("]", 1)[-1] and scheme == "http":
        host += ":11434"
    host = host.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - replaced, not bound
    return f"{scheme}://{host}" + (f"/{path}" if path else "")


def a_redis_url(value: str) -> str:
    if not value.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("must begin with redis://, rediss:// or unix://")
    return value


Names = Annotated[tuple[str, ...], BeforeValidator(split_names)]
EngineUrl = Annotated[str | None, BeforeValidator(with_scheme)]


class WireSettings(BaseSettings):
    """The settings on which API and worker must agree. A field's alias is its environment variable; `.env` is read
    too."""

    model_config = SettingsConfigDict(
        env_file=".env",
        extra="ignore",
        populate_by_name=True,
        env_ignore_empty=True,
        enable_decoding=False,
        frozen=True,
    )

    redis_url: Annotated[str, AfterValidator(a_redis_url)] = Field("redis://127.0.0.1:6379", alias="REDIS_URL")
    pool: str = Field("default", alias="SLUICE_POOL", pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")
    data_dir: Path = Field(Path(".sluice"), alias="SLUICE_DATA_DIR")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", alias="LOG_LEVEL")
    node_env: Literal["development", "production"] = Field("development", alias="NODE_ENV")
    model_name: str | None = Field(None, alias="MODEL_NAME", min_length=1, max_length=200)
    models: Names = Field((), alias="SLUICE_MODELS")
    ollama_base_url: EngineUrl = Field(
        None,
        validation_alias=AliasChoices("OLLAMA_BASE_URL", "OLLAMA_URL", "OLLAMA_HOST"),
        pattern=r"^https?://[^\s]+$",
    )

    @property
    def default_model(self) -> str:
        """`MODEL_NAME`, or a small model in development and a capable one in production."""
        return self.model_name or DEFAULT_MODELS[self.node_env]


S = TypeVar("S", bound=BaseSettings)


def read_settings(cls: type[S], **overrides: Any) -> S:
    """Read the settings, once at the start. A wrong value ends the process with the variable's name and its limits."""
    try:
        return cls(**overrides)
    except ValidationError as error:
        print("\n".join(_explain(cls, error)), file=sys.stderr)
        raise SystemExit(WRONG_SETTINGS) from None


def _explain(cls: type[BaseSettings], error: ValidationError) -> list[str]:
    """One line for each wrong variable. The value is shown only where it cannot be a secret."""
    lines = []
    for problem in error.errors(include_url=False):
        name = _as_set(cls, str(problem["loc"][0])) if problem["loc"] else "settings"
        secret = not problem["loc"] or name.endswith(("URL", "KEY", "TOKEN", "PASSWORD", "HOST"))
        shown = "" if secret else f" (got {str(problem['input'])[:80]!r})"
        lines.append(f"sluice: {name}: {problem['msg'].removeprefix('Value error, ')}{shown}")
    return lines


def _names(field: FieldInfo) -> list[str]:
    """Every environment variable of a field."""
    if isinstance(field.validation_alias, AliasChoices):
        return [str(name) for name in field.validation_alias.choices]
    return [str(field.validation_alias or field.alias)]


def _as_set(cls: type[BaseSettings], name: str) -> str:
    """The name of a variable that the environment has: pydantic reports the first one, set or not."""
    names = next((names for field in cls.model_fields.values() if name in (names := _names(field))), [name])
    return next((name for name in names if name in os.environ), name)


def describe_settings(cls: type[BaseSettings]) -> str:
    """One line for each variable, with its names and its default, as `--help` prints them."""
    lines = ["Settings (environment, or .env in the working directory):"]
    for field in cls.model_fields.values():
        default = "" if field.default in (None, ()) else str(field.default)
        lines.append(f"  {' | '.join(_names(field)):<52}{default}".rstrip())
    return "\n".join(lines)
