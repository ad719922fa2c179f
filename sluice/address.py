"""The API's address: is it free, and does somebody healthy answer there?"""

from __future__ import annotations

import asyncio
import errno
import http.client
import socket
from urllib.parse import urlsplit

HEALTH = "/api/health"


class AddressRefused(Exception):
    """Nothing can listen there; the message names the variable to change."""


def check_free(host: str, port: int) -> None:
    """Raises AddressRefused where the API could not listen."""
    family, kind, protocol, _, address = _resolve(host, port)
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port of a run that just ended counts as free
        try:
            probe.bind(address)
        except OSError as error:
            raise AddressRefused(_explain(error, host, port)) from None


def _resolve(host: str, port: int) -> tuple[int, int, int, str, tuple[str | int, ...] | tuple[int, bytes]]:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise AddressRefused(f"SLUICE_HOST: {host} is no address of this machine ({error.strerror}).") from None


def _explain(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        other = port + 1 if port < 65535 else 8000
        return f"SLUICE_PORT: {port} is in use on {host}. Stop what listens there, or: SLUICE_PORT={other} sluice up"
    if error.errno == errno.EACCES:
        return f"SLUICE_PORT: {port} needs rights that this user lacks. Take one from 1024 on: SLUICE_PORT=8000"
    return f"SLUICE_HOST: cannot listen on {host}:{port} ({error.strerror})."


async def wait_until_healthy(url: str) -> None:
    """Wait until `GET /api/health` is a 200, however long that takes: the caller sets the limit."""
    while not await asyncio.to_thread(healthy, url):
        await asyncio.sleep(0.05)


def healthy(url: str) -> bool:
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=2)
    try:
        connection.request("GET", HEALTH)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
