"""The settings of an API process, on top of those that it shares with the workers."""

from __future__ import annotations

import re
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, field_validator, model_validator

from backend.rules import Rules, check_pools, read_rules
from backend.store.address import a_database_url, address_of
from wire.settings import Names, WireSettings, a_redis_url

LOOPBACK = ("127.0.0.1", "localhost", "::1")
DAY_SECONDS = 86_400
POOL_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")  # as SLUICE_POOL's


class ApiSettings(WireSettings):
    """The settings of one API process: where it listens, which callers it lets in, how much may wait."""

    host: str = Field("127.0.0.1", alias="SLUICE_HOST")
    port: int = Field(8000, validation_alias=AliasChoices("SLUICE_PORT", "PORT"), ge=1, le=65_535)
    # Until there are accounts, a caller who reaches the port may use every GPU. Set this on purpose, behind a guard.
    allow_open: bool = Field(False, alias="SLUICE_ALLOW_OPEN")
    allowed_hosts: Names = Field((), alias="SLUICE_ALLOWED_HOSTS")
    cors_allow_origins: Names = Field((), alias="CORS_ALLOW_ORIGINS")
    # Proxies whose X-Forwarded-For and -Proto are believed: addresses, networks (10.0.0.0/8), or * for every caller.
    # None by default, since any program on this machine could send these headers.
    trusted_proxies: Names = Field((), alias="SLUICE_TRUSTED_PROXIES")
    # The folder of the built page. Unset: where `make page` and a wheel put it.
    page_dir: Path | None = Field(None, alias="SLUICE_PAGE_DIR")
    # `off`: `sluice up` does not build the page. `elsewhere`: another server has it, as in our images, this API has
    # not.
    page: Literal["auto", "off", "elsewhere"] = Field("auto", alias="SLUICE_PAGE")

    # Threads, messages, ended jobs. Unset: a SQLite file in the data folder.
    given_database_url: Annotated[str, AfterValidator(a_database_url)] | None = Field(None, alias="DATABASE_URL")

    # The system that runs the workers, and learns here which of them are busy (backend/orchestrator).
    orchestrator: Literal["kubernetes"] | None = Field(None, alias="SLUICE_ORCHESTRATOR")

    # The pools whose workers this API's jobs may go to. The API's own pool is always among them, and is the first.
    pools: Names = Field((), alias="SLUICE_POOLS")
    # Aliases, strategies, fallbacks, overflow: a TOML file (docs/routing.md), read at the start.
    routes: Annotated[Rules | None, BeforeValidator(read_rules)] = Field(None, alias="SLUICE_ROUTES")

    max_context_messages: int = Field(20, alias="MAX_CONTEXT_MESSAGES", ge=1, le=2_000)
    max_messages: int = Field(2_000, alias="SLUICE_MAX_MESSAGES", ge=1)
    max_body_bytes: int = Field(8 * 1024 * 1024, alias="SLUICE_MAX_BODY_BYTES", ge=1_024)

    # Requests in flight in this process, open streams included; more are refused with 503 and Retry-After. A stream
    # that waits costs memory and hardly any time, so this may be high. Health checks are outside of both bounds.
    max_requests: int = Field(10_000, alias="SLUICE_MAX_REQUESTS", ge=1)
    # Of these, the requests that have come in full and are not let into the queue yet: each costs some 3 ms of the one
    # core that a process uses, so that the last of a thousand waits for three seconds.
    max_pending: int = Field(1_000, alias="SLUICE_MAX_PENDING_REQUESTS", ge=1)

    # Inputs of one embedding job; a longer list becomes several jobs, which lie in the queue side by side.
    embed_batch: int = Field(32, alias="SLUICE_EMBED_BATCH", ge=1, le=2_048)

    # One upload to /v1/files, whose bytes lie in SQL.
    max_file_bytes: int = Field(64 * 1024 * 1024, alias="SLUICE_MAX_FILE_BYTES", ge=1_024, le=2**31)
    # How many jobs of one batch wait or run at once: enough for many workers, few beside the queue's depth.
    batch_window: int = Field(64, alias="SLUICE_BATCH_WINDOW", ge=1, le=1_000)

    max_attempts: int = Field(3, alias="QUEUE_MAX_ATTEMPTS", ge=1, le=20)
    queue_depth: int = Field(10_000, alias="QUEUE_MAX_DEPTH", ge=1)
    queue_per_tenant: int = Field(10_000, alias="QUEUE_MAX_PER_TENANT", ge=1)
    # Bytes of all requests that wait or run in a pool: half of the memory that the manifests give to Redis.
    queue_bytes: int = Field(1024**3, alias="QUEUE_MAX_BYTES", ge=1_024)
    # How long Redis may take for one answer before a request is refused with 503: within a second, in all.
    redis_seconds: float = Field(0.8, alias="SLUICE_REDIS_SECONDS", gt=0, le=60)
    # How long the cache may give an answer again to callers who allow it, 0: never. A job's record lives a day.
    cache_seconds: float = Field(3600.0, alias="SLUICE_CACHE_SECONDS", ge=0, le=DAY_SECONDS)
    # The Redis of that cache, which may drop what it holds. Unset: the queue's own Redis.
    cache_url: Annotated[str, AfterValidator(a_redis_url)] | None = Field(None, alias="SLUICE_CACHE_URL")

    # Seconds from accept to the end of a job, waiting included: as long as a caller would still read.
    deadline: float = Field(600.0, alias="SLUICE_DEADLINE_SECONDS", gt=0, le=DAY_SECONDS)
    # How long streams may go on after SIGTERM. Then they are cut, and their jobs run on.
    grace: float = Field(30.0, alias="SLUICE_GRACE_SECONDS", ge=0, le=DAY_SECONDS)

    @model_validator(mode="after")
    def only_on_purpose(self) -> Self:
        """Refuse an address that others can reach, unless the operator states that something else guards it."""
        if self.host not in LOOPBACK and not self.allow_open:
            raise ValueError(
                f"SLUICE_HOST {self.host} can be reached from outside and Sluice has no accounts yet: "
                "bind 127.0.0.1, or set SLUICE_ALLOW_OPEN=1 if a proxy or firewall guards it"
            )
        return self

    @field_validator("orchestrator")
    @classmethod
    def client_of_orchestrator(cls, name: str | None) -> str | None:
        if name is not None and find_spec("kubernetes") is None:
            raise ValueError(
                "needs Kubernetes' client, which is not installed: pip install 'sluice[kubernetes]', or build "
                "the API's image with --build-arg KUBERNETES=1"
            )
        return name

    @field_validator("trusted_proxies")
    @classmethod
    def addresses_of_proxies(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            if proxy != "*":
                ip_network(proxy, strict=False)
        return proxies

    @field_validator("pools")
    @classmethod
    def names_of_pools(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not POOL_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no pool's name: lower-case letters, digits, and _ . - behind the first")
        return names

    @property
    def all_pools(self) -> tuple[str, ...]:
        """The pools of this API, its own first, each once."""
        return tuple(dict.fromkeys((self.pool, *self.pools)))

    @model_validator(mode="after")
    def pools_of_routes(self) -> Self:
        check_pools(self.rules, self.all_pools)
        return self

    @property
    def rules(self) -> Rules:
        return self.routes or Rules()

    @property
    def database_url(self) -> str:
        """The database of the history: DATABASE_URL, or a file in the data folder."""
        return address_of(self.given_database_url, self.data_dir)

    @property
    def hosts(self) -> frozenset[str]:
        """The names that a `Host` header may carry. A website that rebinds its own name to this address sends
        another."""
        return frozenset({*LOOPBACK, self.host, *self.allowed_hosts})

    @property
    def development(self) -> bool:
        return self.node_env == "development"
