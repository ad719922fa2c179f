"""The bytes before a request can be read are bounded: a head without an end keeps no other client from being served."""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.house import House, MakesHouse

PIECE = b"a" * 1_024
WHOLE = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n"
POST = (
    b"POST /api/chat HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
ENDLESS = {
    "a header": b"GET /health/live HTTP/1.1\r\nhost: localhost\r\nx: ",
    "the name of a header": b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n",
    "a URL": b"GET /",
    "the second request's head": WHOLE + b"GET /",
    "a trailer": POST + b"2\r\n{}\r\n0\r\nx: ",
}


@pytest.fixture(scope="module")
def home(module_house: MakesHouse) -> House:
    return module_house(workers=0)


@pytest.fixture
def line(home: House) -> Iterator[socket.socket]:
    at = urlsplit(home.url)
    with socket.create_connection((at.hostname, at.port), timeout=60) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield line


@pytest.mark.parametrize("name", ENDLESS)
def test_the_connection_of_a_head_without_an_end_is_closed(home: House, line: socket.socket, name: str) -> None:
    line.sendall(ENDLESS[name])
    with pytest.raises(ConnectionError):  # a client cannot send for ever on a closed connection
        for _ in range(64 * 1_024):
            line.sendall(PIECE)
    answer = httpx.get(f"{home.url}/health/live", timeout=60)
    assert answer.status_code == 200


def test_a_client_gets_a_431_where_no_answer_is_under_way(line: socket.socket) -> None:
    line.sendall(ENDLESS["a header"])
    with contextlib.suppress(ConnectionError):  # bytes on their way to a closed connection
        while not select.select([line], [], [], 0)[0]:
            line.sendall(PIECE)
        assert line.recv(4_096).startswith(b"HTTP/1.1 431 ")


def test_a_long_body_in_small_pieces_and_many_requests_on_one_connection_are_no_heads(home: House) -> None:
    pieces = [PIECE] * 200
    with httpx.Client(base_url=home.url, timeout=60) as client:
        for _ in range(3):
            answer = client.post("/api/chat", content=iter(pieces), headers={"Content-Type": "application/json"})
            assert answer.status_code == 400, answer.text
        for _ in range(100):
            assert client.get("/health/live", headers={"X-Long": "a" * 2_000}).status_code == 200
