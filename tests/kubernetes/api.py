"""An API server as a test uses it: server-side apply as `kubectl apply --server-side` does it, and a few readings."""

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
MANAGER = "sluice"  # the manager whose fields applied ones are
PAUSE = 0.1  # seconds between two looks at what controllers do
CONTROLLERS = 30  # seconds that controllers may take on a busy machine


class Refused(Exception):
    """The API server refused: its status, and its own message."""

    def __init__(self, answer: httpx.Response) -> None:
        error = answer.json() if "json" in answer.headers.get("content-type", "") else {"message": answer.text}
        super().__init__(f"{answer.status_code} {error.get('message')}")
        self.status = answer.status_code


class Answer(NamedTuple):
    """An answer. `warnings`: of Pod Security, and of what is deprecated; kubectl prints them."""

    object: Object
    warnings: list[str]


def until(look: Callable[[], T | None], within: float, what: str) -> T:
    """The first answer of `look` that is not None. `within` in seconds. After a refusal the question is sent again."""
    end, why = time.monotonic() + within, ""
    while True:
        try:
            if (result := look()) is not None:
                return result
        except (Refused, httpx.TransportError) as error:
            why = f": {error}"
        if time.monotonic() > end:
            raise TimeoutError(f"not within {within} s: {what}{why}")
        time.sleep(PAUSE)


class Api:
    """An API server as one of its users."""

    def __init__(self, url: str, authority: str, token: str, acting_as: str = "") -> None:
        headers = {"Authorization": f"Bearer {token}"} | ({"Impersonate-User": acting_as} if acting_as else {})
        self._account = (url, authority, token)
        self._http = httpx.Client(
            base_url=url, verify=ssl.create_default_context(cafile=authority), headers=headers, timeout=30
        )
        self._kinds: dict[tuple[str, str], tuple[str, bool]] = {}

    def close(self) -> None:
        self._http.close()

    def acting_as(self, user: str) -> Api:
        return Api(*self._account, acting_as=user)

    def ask(self, method: str, path: str, body: object = None, **more: Any) -> Answer:
        if body is not None:
            more["content"] = json.dumps(body)
            more["headers"] = {"Content-Type": "application/json"} | more.get("headers", {})
        answer = self._http.request(method, path, **more)
        if answer.is_error:
            raise Refused(answer)
        content = answer.json() if "json" in answer.headers["content-type"] else {}
        return Answer(content, answer.headers.get_list("warning"))

    def ready(self) -> bool:
        try:
            return self._http.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    # Objects

    def apply(self, item: Object) -> Answer:
        """Creates the object, or changes it into this. A field that the API server does not know is refused."""
        query = {"fieldManager": MANAGER, "fieldValidation": "Strict", "force": "true"}
        headers = {"Content-Type": "application/apply-patch+yaml"}
        return self.ask("PATCH", self.path_of(item), item, params=query, headers=headers)

    def create(self, item: Object, **query: str) -> Object:
        return self.ask("POST", self.path_of(item).rpartition("/")[0], item, params=query).object

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

    def delete(self, item: Object) -> None:
        """Deletes the object and waits until it is gone. An object that is not there counts as gone."""
        path = self.path_of(item)
        if self.find(path) is not None:
            self.ask("DELETE", path)
        until(lambda: True if self.find(path) is None else None, 120, f"{path} is gone")

    def path_of(self, item: Object) -> str:
        plural, namespaced = self._kind(item["apiVersion"], item["kind"])
        within = f"/namespaces/{item['metadata'].get('namespace', NAMESPACE)}" if namespaced else ""
        return f"{group(item['apiVersion'])}{within}/{plural}/{item['metadata']['name']}"

    def _kind(self, version: str, kind: str) -> tuple[str, bool]:
        """The kind's name in a path, and whether it is in a namespace. A new CRD's is known a moment later."""
        if (version, kind) not in self._kinds:
            self._kinds[version, kind] = until(lambda: self._look_up(version, kind), 30, f"{version} has {kind}")
        return self._kinds[version, kind]

    def _look_up(self, version: str, kind: str) -> tuple[str, bool] | None:
        known = self.get(group(version))["resources"]
        entries = (item for item in known if item["kind"] == kind and "/" not in item["name"])
        return next(((item["name"], item["namespaced"]) for item in entries), None)


def group(version: str) -> str:
    """apps/v1 → /apis/apps/v1, v1 → /api/v1"""
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


def within(path: str, version: str = "v1") -> str:
    """The path of an object in our namespace."""
    return f"{group(version)}/namespaces/{NAMESPACE}/{path}"
