"""Sending generated requests to a house: so many of them, and the faults that they met."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import requests as plain_requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz.house import Fuzzed
from tests.fuzz.mutations import Sent, request
from tests.fuzz.verdict import Wrong, check

HANGS = 20.0  # seconds after which an answer counts as none: the house's deadline is half of it
CALLERS = 4
BRIEF = {"num_predict": 3, "temperature": 0}
# A stream without an end: it sends the queue's pulse as long as a client reads.
ENDLESS = ("/api/admin/events",)


class Campaign:
    """A campaign on one house. `number`: the same number sends the same requests."""

    def __init__(self, fuzzed: Fuzzed, number: int = 0) -> None:
        self._house, self._shapes = fuzzed
        self._seed = number
        self.sent = 0

    @property
    def url(self) -> str:
        return self._house.url

    def shapes(self, count: int) -> None:
        """Sends bent requests of every dialect, four callers at a time. Raises Wrong for the first wrong answer."""
        first = self._seed * 1_000_000
        slices = [range(first + caller, first + count, CALLERS) for caller in range(CALLERS)]
        with ThreadPoolExecutor(CALLERS) as callers:
            self.sent += sum(callers.map(self._send_all, slices))

    def documented(self, count: int) -> None:
        """Sends what our own OpenAPI document allows, and what it forbids."""
        schema = schemathesis.openapi.from_url(f"{self._house.url}/openapi.json")
        every = [one.ok() for one in schema.get_all_operations()]
        operations = [one for one in every if one.path not in ENDLESS]
        session = plain_requests.Session()
        with session:
            for operation, share in zip(operations, shares(count, len(operations)), strict=True):
                if share:  # a last round may have fewer requests than there are routes
                    self._each(share, cases(operation), lambda case: self._call(session, case))

    def chats_still(self) -> None:
        """Checks at the end that every worker lives, and answers."""
        for child in self._house.children():
            assert child.alive, child.tail()
        body = {"messages": [{"role": "user", "content": "!tokens 3"}], "options": BRIEF, "stream": False}
        answer = httpx.post(f"{self._house.url}/api/chat", json=body, timeout=HANGS)
        assert answer.json()["message"]["content"], answer.text

    def _each(self, count: int, strategy: st.SearchStrategy[Any], send: Callable[[Any], None]) -> None:
        @seed(self._seed)
        @settings(
            max_examples=count,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def each(one: Any) -> None:
            self.sent += 1
            send(one)

        if count:
            each()

    def _send_all(self, numbers: range) -> int:
        """Sends the requests on connections of its own; returns how many were sent."""
        with httpx.Client(base_url=self._house.url, timeout=HANGS) as client:
            for number in numbers:
                self._send(client, request(number, self._shapes))
        return len(numbers)

    def _send(self, client: httpx.Client, sent: Sent) -> None:
        try:
            answer = client.post(sent.path, content=sent.body, headers=sent.headers)
        except httpx.TransportError as error:
            raise Wrong(f"{sent.path}: {error!r} for {sent.body[:2000]!r}") from error
        try:
            kind, anthropic = answer.headers.get("content-type", ""), "anthropic-version" in sent.headers
            check(sent.path, answer.status_code, kind, answer.content, anthropic)
        except Wrong as wrong:
            raise Wrong(f"{wrong}\nfor {sent.body[:2000]!r} with {sent.headers}") from None

    def _call(self, session: plain_requests.Session, case: Any) -> None:
        try:
            answer = case.call(base_url=self._house.url, session=session, timeout=HANGS)
        except plain_requests.RequestException as error:
            raise Wrong(f"{case.method} {case.path}: {error!r}") from error
        kinds = answer.headers.get("content-type", [""])
        check(case.formatted_path, answer.status_code, kinds[0] if kinds else "", answer.content)


def cases(operation: Any) -> st.SearchStrategy[Any]:
    """Right requests, and wrong ones where there is a body that can be wrong."""
    right = operation.as_strategy()
    return right | operation.as_strategy(schemathesis.GenerationMode.NEGATIVE) if operation.body else right


def shares(count: int, parts: int) -> list[int]:
    """`count` in so many parts, as equal as can be."""
    bounds = [count * part // parts for part in range(parts + 1)]
    return [end - start for start, end in itertools.pairwise(bounds)]
