"""A cluster's brain without a body: real etcd, kube-apiserver and kube-controller-manager; no node, no container."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.kubernetes.api import NAMESPACE, Api
from tests.kubernetes.authority import FRONT_PROXY, Authority
from tests.support.child import Child, free_port
from tests.support.waiting import wait_until

START = 60  # seconds that a program may take to start, on a busy machine
MASTERS, ACCOUNTS = "system:masters", "system:serviceaccounts"
USERS = {  # name → groups
    "admin": (MASTERS,),
    "system:kube-controller-manager": (),
    "system:serviceaccount:keda:keda-operator": (ACCOUNTS, f"{ACCOUNTS}:keda"),
}


def program(name: str) -> str:
    """The path of a program that tests/real_kubernetes.sh has built."""
    return str(Path(os.environ["KUBERNETES_PROGRAMS"]) / name)


def flags(**given: str | int | Path) -> list[str]:
    """`bind_address="::1"` → `--bind-address=::1`"""
    return [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]


def child(name: str, arguments: Sequence[str], home: Path, **env: str) -> Child:
    """One of the programs, in a folder of its own. The program inherits nothing that could name another cluster."""
    place = home / name
    place.mkdir(exist_ok=True)
    return Child(name, [program(name), *arguments], {"PATH": os.environ["PATH"], "HOME": str(place), **env}, place)


def await_ready(child: Child, ready: Callable[[], bool]) -> None:
    """Waits until a program that was started is of use. Where it is not in time, the error has the end of its log."""

    def look() -> bool:
        assert child.alive, child.tail()
        return ready()

    try:
        wait_until(look, START, f"{child.name} is ready")
    except TimeoutError as error:
        raise TimeoutError(f"{error}\n{child.tail()}") from None


class ControlPlane:
    """A control plane. `start` returns once it takes objects and its controllers work. All ports are 127.0.0.1's."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.authority = Authority(home / "authority")
        self.tokens = {user: secrets.token_hex(16) for user in USERS}
        self.port, self._store = free_port(), f"http://127.0.0.1:{free_port()}"
        self.url = f"https://127.0.0.1:{self.port}"
        self.admin = Api(self.url, self.authority["ca.crt"], self.tokens["admin"])
        self._children = [self._etcd(), self._api_server(), self._controllers()]

    def start(self) -> None:
        etcd, api_server, controllers = self._children
        etcd.start()
        api_server.start()
        await_ready(api_server, self.admin.ready)
        controllers.start()
        # The controllers make these in every namespace: they have reached the API server, and may do their work.
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        await_ready(controllers, lambda: self.admin.find(account) is not None)

    def stop(self) -> None:
        for child in reversed(self._children):
            child.stop(grace=10)
            print(child.tail(10))
        self.admin.close()

    def kubeconfig(self, user: str, token: str = "") -> Path:
        """A file with which a program is this user, one of the cluster's own or the owner of this token."""
        file = self.home / f"{user.replace(':', '-')}.kubeconfig"
        cluster = {"server": self.url, "certificate-authority": self.authority["ca.crt"]}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": user, "user": {"token": token or self.tokens[user]}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": user, "namespace": NAMESPACE}}],
            "current-context": "test",
        }
        file.write_text(json.dumps(config))
        return file

    def _etcd(self) -> Child:
        peers = f"http://127.0.0.1:{free_port()}"
        arguments = flags(
            data_dir=self.home / "etcd" / "data",
            listen_client_urls=self._store,
            advertise_client_urls=self._store,
            listen_peer_urls=peers,
            initial_advertise_peer_urls=peers,
            initial_cluster=f"default={peers}",
            log_level="warn",
        )
        return child("etcd", [*arguments, "--unsafe-no-fsync"], self.home)  # the data need not outlive the machine

    def _api_server(self) -> Child:
        users = self.home / "users.csv"
        users.write_text("".join(f'{self.tokens[name]},{name},{name},"{",".join(of)}"\n' for name, of in USERS.items()))
        held = self.authority
        arguments = flags(
            etcd_servers=self._store,
            bind_address="127.0.0.1",
            secure_port=self.port,
            tls_cert_file=held["tls.crt"],
            tls_private_key_file=held["tls.key"],
            token_auth_file=users,
            client_ca_file=held["ca.crt"],
            authorization_mode="RBAC",
            service_cluster_ip_range="10.0.0.0/24",
            service_account_issuer=self.url,
            service_account_key_file=held["accounts.key"],
            service_account_signing_key_file=held["accounts.key"],
            # The API server uses this to identify itself to KEDA's metrics adapter, which is an API server behind it.
            requestheader_client_ca_file=held["ca.crt"],
            requestheader_allowed_names=FRONT_PROXY,
            requestheader_username_headers="X-Remote-User",
            requestheader_group_headers="X-Remote-Group",
            requestheader_extra_headers_prefix="X-Remote-Extra-",
            proxy_client_cert_file=held["proxy.crt"],
            proxy_client_key_file=held["proxy.key"],
        )
        return child("kube-apiserver", arguments, self.home)

    def _controllers(self) -> Child:
        config = self.kubeconfig("system:kube-controller-manager")
        arguments = flags(
            kubeconfig=config,
            authentication_kubeconfig=config,
            authorization_kubeconfig=config,
            bind_address="127.0.0.1",
            secure_port=free_port(),
            tls_cert_file=self.authority["tls.crt"],
            tls_private_key_file=self.authority["tls.key"],
            service_account_private_key_file=self.authority["accounts.key"],
            use_service_account_credentials="true",  # each with the rights that a cluster gives it
            leader_elect="false",
            horizontal_pod_autoscaler_sync_period="3s",  # instead of 15: the decisions are judged, not their time
        )
        return child("kube-controller-manager", arguments, self.home)
