"""The workers' pods, as Kubernetes' API server has them.

    ClusterError        it was not done; the message has the reason, and what to do
    ├─ NoCluster        no configuration names an API server
    ├─ ClusterForbids   the API server does not allow it (403)
    └─ Away             the API server does not answer, or is not well

The client is synchronous: it runs in a thread, one request at a time. Only the parts of it that know the address, the
token and the certificate are used, and imported only here, when a cluster is opened: half a second and 16 MiB. The
client's models of every object in Kubernetes would cost two seconds and 80 MiB more.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

ANNOTATION = "controller.kubernetes.io/pod-deletion-cost"
WORKERS = "app.kubernetes.io/name=ollama-worker,app.kubernetes.io/part-of=sluice"  # as deploy/ labels their pods
TIMEOUT_SECONDS = (1.0, 2.0)  # to connect, to answer: a thread that waits longer would hold up the process's end
NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
PODS = "/api/v1/namespaces/{namespace}/pods"
JSON = {"Accept": "application/json"}
MERGE = {**JSON, "Content-Type": "application/merge-patch+json"}
RIGHTS = (
    "Kubernetes does not let this API mark pods: add deploy/components/pod-deletion-cost to the overlay and apply it "
    "(the service account may list and patch pods), or unset SLUICE_ORCHESTRATOR."
)


class ClusterError(Exception):
    pass


class NoCluster(ClusterError):
    pass


class ClusterForbids(ClusterError):
    pass


class Away(ClusterError):
    pass


class Cluster:
    """Verbs on the pods of one namespace. All raise ClusterForbids or Away."""

    def __init__(self, client: ApiClient, namespace: str) -> None:
        self._client = client
        self._where = {"namespace": namespace}

    async def pods(self) -> dict[str, int | None]:
        """Every worker's pod → its mark: 0 where it has none, None for a mark that is no number."""
        query = [("labelSelector", WORKERS)]
        _, body = await self._ask("GET", PODS, path_params=self._where, query_params=query, header_params=dict(JSON))
        try:
            pods = [item["metadata"] for item in orjson.loads(body)["items"]]
            return {pod["name"]: _number((pod.get("annotations") or {}).get(ANNOTATION, "0")) for pod in pods}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Away(f"its list of pods cannot be read: {error}") from error

    async def mark(self, pod: str, cost: int) -> bool:
        """False: there is no such pod any more. A pod whose mark some webhook refuses is left as it is."""
        patch = {"metadata": {"annotations": {ANNOTATION: str(cost)}}}
        where = {**self._where, "name": pod}
        status, _ = await self._ask("PATCH", PODS + "/{name}", path_params=where, header_params=dict(MERGE), body=patch)
        return status != 404

    async def _ask(self, method: str, path: str, **request: Any) -> tuple[int, bytes]:
        """The status and body of an answer about these pods. Raises ClusterForbids or Away."""
        status, body = await asyncio.to_thread(self._answer, method, path, **request)
        if status == 403:
            raise ClusterForbids(RIGHTS)
        if not (200 <= status < 300 or status in (400, 404, 409, 422)):
            raise Away(f"it answers {status}")
        return status, body

    def _answer(self, method: str, path: str, **request: Any) -> tuple[int, bytes]:
        try:
            ready = self._client.param_serialize(method, path, auth_settings=["BearerToken"], **request)
            answer = self._client.call_api(*ready, _request_timeout=TIMEOUT_SECONDS)
            return answer.status, answer.read()  # type: ignore[no-untyped-call]
        except Exception as error:  # urllib3's, the client's, a token file's: errors of three trees, with one meaning
            raise Away(f"{type(error).__name__}: {str(error)[:200]}") from error

    def close(self) -> None:
        self._client.close()  # type: ignore[no-untyped-call]


def _number(text: object) -> int | None:
    try:
        return int(str(text))
    except ValueError:
        return None


async def open_cluster() -> Cluster:
    """The cluster of this pod's service account, else of KUBECONFIG (~/.kube/config). Raises NoCluster."""
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
    return Cluster(client.ApiClient(where), namespace)


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
