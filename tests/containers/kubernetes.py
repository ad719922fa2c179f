"""The node of node.sh as tests use it: kubectl, overlays with what a node without GPUs needs, and a way in."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.rendering import DEPLOY, pods
from tests.support.waiting import wait_until

NODE = "sluice-node"
NAMESPACE = "sluice"
FOLDER = Path(os.environ.get("FOLDER", "/nowhere"))
# The overlay as it ships, but for an engine whose words are known, and our images by the tests' tag.
KNOWN_WORDS = """
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: sluice
resources: [../dev]
patches:
  - target: { kind: ConfigMap, name: worker-settings }
    patch: |-
      - { op: add, path: /data/SLUICE_ENGINE, value: simulated }
      - { op: add, path: /data/SLUICE_SIMULATED_RATE, value: "20" }
      - { op: replace, path: /data/SLUICE_SLOTS, value: "4" }
      - { op: replace, path: /data/OLLAMA_URL, value: "" }
images:
  - { name: sluice-backend, newTag: test }
  - { name: sluice-frontend, newTag: test }
  - { name: sluice-worker, newTag: test }
"""
WITH_KEDA = """
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: sluice
resources: [../known-words]
components: [../../components/keda]
"""


def kubectl(*words: str, given: str = "", within: float = 600) -> str:
    """The output of kubectl in our namespace; a failure shows both streams."""
    command = ["kubectl", "--namespace", NAMESPACE, *words]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=within, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


def get(*words: str) -> Any:
    return json.loads(kubectl("get", *words, "--output", "json"))


def volume(claim: str) -> str:
    """A folder of the node for a claim, since no storage class is here."""
    place = FOLDER / "node" / "volumes" / claim
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    place.chmod(0o777)
    terms = [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE]}]}]
    item = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"test-{claim}"},
        "spec": {
            "capacity": {"storage": "500Gi"},
            "accessModes": ["ReadWriteOnce", "ReadWriteMany"],
            "persistentVolumeReclaimPolicy": "Retain",
            "local": {"path": str(place)},
            "claimRef": {"namespace": NAMESPACE, "name": claim},
            "nodeAffinity": {"required": {"nodeSelectorTerms": terms}},
        },
    }
    return json.dumps(item)


def rendered(home: Path, overlay: str) -> str:
    """An overlay, or `known-words` or `with-keda`, as kustomize renders it, without digests: images are loaded."""
    tree = home / "deploy"
    if not tree.exists():
        shutil.copytree(DEPLOY, tree)
        for name, text in (("known-words", KNOWN_WORDS), ("with-keda", WITH_KEDA)):
            (tree / "overlays" / name).mkdir()
            (tree / "overlays" / name / "kustomization.yaml").write_text(text)
        images = tree / "components" / "images" / "kustomization.yaml"
        whole = yaml.safe_load(images.read_text())
        for image in whole["images"]:
            image.pop("digest", None)
        images.write_text(yaml.safe_dump(whole))
    return kubectl("kustomize", str(tree / "overlays" / overlay))


def without_gpu(text: str) -> str:
    """Manifests for a node that has no GPU: our images by the tests' tag, a stand-in of vLLM, and small requests."""
    objects = [item for item in yaml.safe_load_all(text) if item]
    for pod in pods(objects):
        pod.spec.pop("affinity", None)
        for container in pod.containers:
            container["image"] = image_here(container["image"])
            container["resources"]["limits"].pop("nvidia.com/gpu", None)
            container["resources"]["requests"] |= {"cpu": "25m", "memory": "64Mi"}
    return yaml.safe_dump_all(objects)


def image_here(name: str) -> str:
    """What the node has in the image's place: no image is pulled."""
    bare = name.partition("@")[0]
    if bare.startswith("sluice-"):
        return f"{bare.partition(':')[0]}:test"
    return "vllm-stand-in:test" if bare.startswith("vllm/") else bare


@contextlib.contextmanager
def applied(text: str, *claims: str) -> Iterator[None]:
    """All of an overlay on the node, with volumes for these claims; taken down as docs/deploy/README.md says."""
    try:
        for claim in claims:
            kubectl("apply", "-f", "-", given=volume(claim))
        kubectl("apply", "-f", "-", given=text)
        yield
    finally:
        take_down()
        for claim in claims:
            kubectl("delete", "persistentvolume", f"test-{claim}", "--ignore-not-found", "--timeout", "60s")


def take_down() -> None:
    """Deletes what has pods first: the namespace's own end would look again after half of the longest grace period."""
    kinds = "deployments,statefulsets,jobs,pods"
    if "scaledobjects" in kubectl("api-resources", "--output", "name"):  # where KEDA is installed
        kinds = f"scaledobjects.keda.sh,{kinds}"
    kubectl("delete", kinds, "--all", "--ignore-not-found", "--timeout", "300s", within=400)
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout", "300s", within=400)


def rolled_out(*workloads: str) -> None:
    for workload in workloads:
        kubectl("rollout", "status", workload, "--timeout", "300s", within=400)


def until(true: Callable[[], object], within: float, what: str) -> None:
    wait_until(lambda: bool(true()), within, what)


@contextlib.asynccontextmanager
async def way_in(service: str, port: int = 8080) -> AsyncIterator[str]:
    """A port of 127.0.0.1 that leads to a Service, since the API answers under this name; its URL."""
    address = get("service", service)["spec"]["clusterIP"]

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
            writer.write_eof()

    relays: set[asyncio.Task[None]] = set()  # a server that closes leaves the tasks of its connections running

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        relays.add(asyncio.create_task(relay(reader, writer)))

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, out = await asyncio.open_connection(address, port)
        except OSError:
            writer.transport.abort()
            return
        try:
            await asyncio.gather(pump(reader, out), pump(there, writer))
        finally:
            out.transport.abort()
            writer.transport.abort()

    async with await asyncio.start_server(accept, "127.0.0.1", 0, backlog=512) as server:
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            for task in relays:
                task.cancel()
            await asyncio.gather(*relays, return_exceptions=True)
