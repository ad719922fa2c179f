"""What a test asks of an API server: server-side apply as `kubectl apply --server-side` does it, and a few readings."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import httpx

T = TypeVar("T")
Object = dict[str, Any]
NAMESPACE = "sluice"
MANAGER = "sluice"  # whose fields applied ones are
PAUSE = 0.1  # seconds between two looks at what controllers do
CONTROLLERS = 30  # seconds that controllers may take on a machine that is busy


class Refused(Exception):
    """The API server said no: its status, and its own words."""

    def __init__(self, answer: httpx.Response) -> None:
        told = answer.json() if "json" in answer.headers.get("content-type", "") else {"message": answer.text}
        super().__init__(f"{answer.status_code} {told.get('message')}")
        self.status = answer.status_code


class Answer(NamedTuple):
    """`warnings`: of Pod Security, and of what is deprecated; kubectl prints them."""

    object: Object
    warnings: list[str]


def until(look: Callable[[], T | None], within: float, what: str) -> T:
    """The first answer of `look` that is not None. `within` in seconds. What is refused meanwhile is asked again."""
    end, why = time.monotonic() + within, ""
    while True:
        try:
            if (found := look()) is not None:
                return found
        except (Refused, httpx.TransportError) as error:
            why = f": {error}"
        if time.monotonic() > end:
            raise TimeoutError(f"not within {within} s: {what}{why}")
        time.sleep(PAUSE)


class Api:
    """An API server as one of its users."""

    def __init__(self, url: str, authority: str, token: str, acting_as: str = "") -> None:
        headers = {"Authorization": f"Bearer {token}"} | ({"Impersonate-User": acting_as} if acting_as else {})
        self._asked = (url, authority, token)
        self._http = httpx.Client(
            base_url=url, verify=ssl.create_default_context(cafile=authority), headers=headers, timeout=30
        )
        self._kinds: dict[tuple[str, str], tuple[str, bool]] = {}

    def close(self) -> None:
        self._http.close()

    def acting_as(self, user: str) -> Api:
        return Api(*self._asked, acting_as=user)

    def ask(self, method: str, path: str, body: object = None, **more: Any) -> Answer:
        if body is not None:
            more["content"] = json.dumps(body)
            more["headers"] = {"Content-Type": "application/json"} | more.get("headers", {})
        answer = self._http.request(method, path, **more)
        if answer.is_error:
            raise Refused(answer)
        told = answer.json() if "json" in answer.headers["content-type"] else {}
        return Answer(told, answer.headers.get_list("warning"))

    def ready(self) -> bool:
        try:
            return self._http.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    # Objects

    def apply(self, one: Object) -> Answer:
        """Create it, or change it into this. A field that the API server does not know is refused."""
        query = {"fieldManager": MANAGER, "fieldValidation": "Strict", "force": "true"}
        headers = {"Content-Type": "application/apply-patch+yaml"}
        return self.ask("PATCH", self.path_of(one), one, params=query, headers=headers)

    def create(self, one: Object, **query: str) -> Object:
        return self.ask("POST", self.path_of(one).rpartition("/")[0], one, params=query).object

    def merge(self, path: str, change: Object) -> Object:
        return self.ask("PATCH", path, change, headers={"Content-Type": "application/merge-patch+json"}).object

    def get(self, path: str) -> Object:
        return self.ask("GET", path).object

    def find(self, path: str) -> Object | None:
        try:
            return self.get(path)
        except Refused as error:
            if error.status != 404:
                raise
            return None

    def delete(self, one: Object) -> None:
        """And wait until it is gone. One that is not there is."""
        path = self.path_of(one)
        if self.find(path) is not None:
            self.ask("DELETE", path)
        until(lambda: True if self.find(path) is None else None, 120, f"{path} is gone")

    def path_of(self, one: Object) -> str:
        plural, namespaced = self._kind(one["apiVersion"], one["kind"])
        within = f"/namespaces/{one['metadata'].get('namespace', NAMESPACE)}" if namespaced else ""
        return f"{group(one['apiVersion'])}{within}/{plural}/{one['metadata']['name']}"

    def _kind(self, version: str, kind: str) -> tuple[str, bool]:
        """Its name in a path, and whether it is in a namespace. A new CRD's is known a moment after it was taken."""
        if (version, kind) not in self._kinds:
            self._kinds[version, kind] = until(lambda: self._look_up(version, kind), 30, f"{version} has {kind}")
        return self._kinds[version, kind]

    def _look_up(self, version: str, kind: str) -> tuple[str, bool] | None:
        known = self.get(group(version))["resources"]
        found = (one for one in known if one["kind"] == kind and "/" not in one["name"])
        return next(((one["name"], one["namespaced"]) for one in found), None)


def group(version: str) -> str:
    """apps/v1 → /apis/apps/v1, v1 → /api/v1"""
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


def within(path: str, version: str = "v1") -> str:
    """The path of something in our namespace."""
    return f"{group(version)}/namespaces/{NAMESPACE}/{path}"
