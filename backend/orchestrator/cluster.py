"""The workers' pods, as Kubernetes' API server has them.

    ClusterError      it was not done; the message says why, and what to do
    ├─ NoCluster      nothing says where the API server is
    ├─ Forbidden      it does not let us (403)
    └─ Away           it does not answer, or not as one that is well

The client is synchronous and costs a second to import: it is asked in a thread, one question at a time, and imported
only here, when a cluster is opened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from kubernetes.client import CoreV1Api

ANNOTATION = "controller.kubernetes.io/pod-deletion-cost"
WORKERS = "app.kubernetes.io/name=ollama-worker,app.kubernetes.io/part-of=sluice"  # as deploy/ labels their pods
TIMEOUT_SECONDS = (1.0, 2.0)  # to connect, to answer: a thread that waits longer would hold up the process's end
NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
MERGE = "application/merge-patch+json"
RIGHTS = (
    "Kubernetes does not let this API mark pods: add deploy/components/pod-deletion-cost to the overlay and apply it "
    "(the service account may list and patch pods), or unset SLUICE_ORCHESTRATOR."
)


class ClusterError(Exception):
    pass


class NoCluster(ClusterError):
    pass


class Forbidden(ClusterError):
    pass


class Away(ClusterError):
    pass


class Cluster:
    """Verbs on the pods of one namespace. All raise Forbidden or Away."""

    def __init__(self, api: CoreV1Api, namespace: str) -> None:
        self._api = api
        self._namespace = namespace

    async def pods(self) -> dict[str, int | None]:
        """Every worker's pod → what it is marked with: 0 where nothing is, None for what is no number."""
        _, body = await self._ask(self._api.list_namespaced_pod, self._namespace, label_selector=WORKERS)
        try:
            found = [one["metadata"] for one in orjson.loads(body)["items"]]
            return {one["name"]: _number((one.get("annotations") or {}).get(ANNOTATION, "0")) for one in found}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Away(f"its list of pods cannot be read: {error}") from error

    async def mark(self, pod: str, cost: int) -> bool:
        """False: there is no such pod any more. One that some webhook keeps from being marked is left as it is."""
        patch = {"metadata": {"annotations": {ANNOTATION: str(cost)}}}
        call = self._api.patch_namespaced_pod
        status, _ = await self._ask(call, pod, self._namespace, patch, _content_type=MERGE)
        return status != 404

    async def _ask(self, call: Callable[..., Any], *args: object, **more: object) -> tuple[int, bytes]:
        """(status, body) of an answer about these pods."""
        status, body = await asyncio.to_thread(_answer_of, call, *args, **more)
        if status == 403:
            raise Forbidden(RIGHTS)
        if not (200 <= status < 300 or status in (400, 404, 409, 422)):
            raise Away(f"it answers {status}")
        return status, body

    def close(self) -> None:
        self._api.api_client.close()


def _answer_of(call: Callable[..., Any], *args: object, **more: object) -> tuple[int, bytes]:
    try:
        answer = call(*args, _request_timeout=TIMEOUT_SECONDS, _preload_content=False, **more)
        return answer.status, answer.data
    except Exception as error:  # urllib3's, the client's, a token file's: errors of three trees, with one meaning
        if status := getattr(error, "status", None):
            return int(status), b""
        raise Away(f"{type(error).__name__}: {str(error)[:200]}") from error


def _number(text: object) -> int | None:
    try:
        return int(str(text))
    except ValueError:
        return None


async def open_cluster() -> Cluster:
    """Where this pod's service account leads, else KUBECONFIG (~/.kube/config). Raises NoCluster."""
    return await asyncio.to_thread(_open)


def _open() -> Cluster:
    from kubernetes import client, config

    where = client.Configuration()
    try:
        config.load_incluster_config(where)  # type: ignore[no-untyped-call]
        namespace = NAMESPACE.read_text().strip()
    except (config.ConfigException, OSError):
        namespace = _of_a_file(config, where)
    where.retries = False  # urllib3 would try a dead server four times
    where.connection_pool_maxsize = 1
    return Cluster(client.CoreV1Api(client.ApiClient(where)), namespace)


def _of_a_file(config: Any, where: object) -> str:
    try:
        config.load_kube_config(client_configuration=where)
        _, current = config.list_kube_config_contexts()
        return str(current["context"].get("namespace", "default"))
    except Exception as error:  # a file that is not there, not readable, not YAML, not a configuration
        raise NoCluster(
            "nothing says where Kubernetes is: neither a service account's token (deploy/components/pod-deletion-cost "
            f"mounts it) nor KUBECONFIG ({str(error)[:200]})"
        ) from error
