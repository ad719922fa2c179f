"""Where the history is kept: `DATABASE_URL`, or a SQLite file in the data folder.

Knows no SQL: the settings use it, and with them processes that never open a database.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

FILE = "sluice.db"
SQLITE = ("sqlite", "sqlite+aiosqlite")
POSTGRESQL = ("postgresql", "postgres", "postgresql+asyncpg")
ALLOWED = "must be postgresql://user:password@host/database or sqlite:///path/to/file.db"
# Parameters of libpq that asyncpg would send to the server as settings, which the server refuses.
UNKNOWN_TO_ASYNCPG = ("channel_binding", "connect_timeout", "gssencmode", "keepalives", "keepalives_idle")


def a_database_url(value: str) -> str:
    """Returns the URL. Raises ValueError, which never shows it, where no database can be opened by it."""
    scheme, _, rest = value.partition("://")
    if scheme not in (*SQLITE, *POSTGRESQL):
        raise ValueError(ALLOWED)
    if scheme in SQLITE and (not rest.startswith("/") or file_of(value).name in ("", ":memory:")):
        raise ValueError("SQLite keeps the history in a file: sqlite:///relative.db or sqlite:////absolute.db")
    if scheme in POSTGRESQL and not _names_a_database(value):
        raise ValueError(f"names no host or no database: {ALLOWED}")
    return value


def _names_a_database(value: str) -> bool:
    parts = urlsplit(value)
    try:
        return bool(parts.path.strip("/") and (parts.hostname or "host=" in parts.query) and (parts.port or True))
    except ValueError:  # a port that is no number
        return False


def address_of(given: str | None, data_dir: Path) -> str:
    """The URL to open: the given one, else that of the file in the data folder. The path of a file is made absolute,
    since processes of one house may run in different folders."""
    if given and not is_sqlite(given):
        return given
    path = file_of(given) if given else data_dir / FILE
    return f"sqlite:///{quote(str(path.expanduser().absolute()))}"


def is_sqlite(url: str) -> bool:
    return url.partition("://")[0] in SQLITE


def file_of(url: str) -> Path:
    """The file of a SQLite URL."""
    return Path(unquote(url.partition("://")[2].partition("?")[0].removeprefix("/")))


def dsn_of(url: str) -> str:
    """A PostgreSQL URL as asyncpg itself reads it, with `sslmode` and the rest of libpq's parameters."""
    parts = urlsplit(url)
    query = [pair for pair in parse_qsl(parts.query) if pair[0] not in UNKNOWN_TO_ASYNCPG]
    return urlunsplit(("postgresql", parts.netloc, parts.path, urlencode(query), ""))


def shown(url: str) -> str:
    """The URL as it may be shown: without user, password and parameters."""
    if is_sqlite(url):
        return str(file_of(url))
    parts = urlsplit(url)
    return f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}"
