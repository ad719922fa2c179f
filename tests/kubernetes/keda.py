"""KEDA as its release installs it, except that its two programs run here instead of in pods."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import yaml

from tests.deploy.modules import KEDA, folder
from tests.deploy.rendering import kustomize, of_kind
from tests.kubernetes.api import Object, until
from tests.kubernetes.control_plane import ControlPlane, await_ready, child, flags
from tests.support.child import Child, free_port

ACCOUNT = "system:serviceaccount:keda:keda-operator"  # both programs', with the rights of KEDA's own manifests
OURS = ("Deployment", "Service", "APIService", "ValidatingWebhookConfiguration", "CustomResourceDefinition")
METRICS = "/apis/external.metrics.k8s.io/v1beta1"


class Keda(NamedTuple):
    operator: Child
    adapter: Child

    def logged(self, words: str) -> int:
        """How often the operator's log has these words."""
        return self.operator.log.read_text(errors="replace").count(words)


@contextmanager
def keda_on(cluster: ControlPlane) -> Iterator[Keda]:
    """KEDA that the cluster's autoscalers can query. The objects that KEDA looks after must be gone before KEDA is."""
    api, port = cluster.admin, free_port()
    manifests = [item for item in yaml.safe_load_all(kustomize(folder(KEDA) / "config" / "default")) if item]
    kept = [item for item in manifests if item["kind"] not in OURS]
    authority = Path(cluster.authority["ca.crt"]).read_bytes()
    for item in [*kept, *found_at(port, authority, *of_kind(manifests, "Service", "APIService"))]:
        api.apply(item)
    keda = programs(cluster, port)
    try:
        keda.operator.start()
        await_ready(keda.operator, lambda: keda.logged("Starting Metrics Service gRPC Server") > 0)
        keda.adapter.start()
        await_ready(keda.adapter, lambda: until(lambda: api.find(METRICS), 30, "the API server passes on to it") != {})
        yield keda
    finally:
        # An API without a server keeps every namespace from being deleted: what is in it cannot be listed.
        for item in of_kind(manifests, "APIService"):
            api.delete(item)
        for item in keda:
            item.stop()
            print(item.tail())


def found_at(port: int, authority: bytes, *manifests: Object) -> Iterator[Object]:
    """The metrics adapter's Service and APIService, leading to a port of this machine instead of to pods."""
    for item in manifests:
        if item["metadata"]["name"] == "keda-metrics-apiserver":
            yield {**item, "spec": {"type": "ExternalName", "externalName": "localhost"}}
        if item["kind"] == "APIService":
            service = {**item["spec"]["service"], "port": port}
            yield {**item, "spec": {**item["spec"], "service": service, "caBundle": b64encode(authority).decode()}}


def programs(cluster: ControlPlane, port: int) -> Keda:
    config, certificates = cluster.kubeconfig(ACCOUNT), cluster.authority.home
    metrics = f"127.0.0.1:{free_port()}"
    env = {
        "KUBECONFIG": str(config),
        "POD_NAMESPACE": "keda",
        "KEDA_CLUSTER_OBJECT_NAMESPACE": "keda",
        "WATCH_NAMESPACE": "",
    }
    operator = flags(
        cert_dir=certificates,
        metrics_service_bind_address=metrics,
        health_probe_bind_address=f"127.0.0.1:{free_port()}",
        enable_prometheus_metrics="false",
        zap_encoder="console",
    )
    adapter = flags(
        secure_port=port,
        bind_address="127.0.0.1",
        cert_dir=certificates,
        tls_cert_file=cluster.authority["tls.crt"],
        tls_private_key_file=cluster.authority["tls.key"],
        client_ca_file=cluster.authority["ca.crt"],
        lister_kubeconfig=config,
        authentication_kubeconfig=config,
        authorization_kubeconfig=config,
        metrics_service_address=metrics,
        port=free_port(),
    )
    return Keda(
        child("keda-operator", operator, cluster.home, **env),
        child("keda-adapter", adapter, cluster.home, **env),
    )
