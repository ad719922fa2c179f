"""The manifests set what the code reads: variables, ports, paths, grace periods."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import AliasChoices
from pydantic_settings import BaseSettings

from backend.health.endpoints import router as health
from backend.settings import ApiSettings
from ollama_worker.settings import WorkerSettings
from sluice.settings import UpSettings
from tests.deploy.rendering import (
    DEPLOY,
    ROOT,
    Object,
    Pod,
    containers,
    environment,
    of_kind,
    pods,
)

INIT = ["tini", "-s", "--"]  # the first process of our images, which gets every signal
LEAVING = 30  # seconds that a process gets beyond its grace, to give back its jobs and close


def classes() -> dict[str, type[BaseSettings]]:
    """A container of ours → the settings that read its environment."""
    return {"backend": ApiSettings, "migrate": UpSettings, "worker": WorkerSettings}


def ours(objects: list[Object]) -> list[tuple[Pod, Object, type[BaseSettings]]]:
    return [(pod, item, classes()[item["name"]]) for pod, item in containers(objects) if item["name"] in classes()]


def variables(cls: type[BaseSettings]) -> set[str]:
    """Every name that the class reads."""
    names: set[str] = set()
    for field in cls.model_fields.values():
        alias = field.validation_alias or field.alias
        names |= {str(name) for name in alias.choices} if isinstance(alias, AliasChoices) else {str(alias)}
    return names


def read(monkeypatch: pytest.MonkeyPatch, cls: type[BaseSettings], env: dict[str, str]) -> Any:
    """The settings of a process with this environment and no other."""
    for name in (*variables(ApiSettings), *variables(WorkerSettings), *variables(UpSettings)):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    return cls(_env_file=None)  # type: ignore[call-arg]


def test_every_variable_is_one_that_the_code_reads(objects: list[Object]) -> None:
    """Or a variable that a later variable of the same container is made of, as a password in a URL is."""
    owned = ours(objects)
    assert {item["name"] for _, item, _ in owned} >= {"backend", "worker"}
    for _, container, cls in owned:
        made_of = {part for item in container["env"] for part in re.findall(r"\$\((\w+)\)", item.get("value", ""))}
        unknown = set(environment(objects, container)) - variables(cls) - made_of
        if container["name"] == "migrate":
            unknown -= variables(ApiSettings)
        assert unknown == set(), container["name"]


def test_the_settings_are_taken_and_what_must_be_set_is_set(
    monkeypatch: pytest.MonkeyPatch, objects: list[Object]
) -> None:
    for pod, container, cls in ours(objects):
        env = environment(objects, container)
        settings = read(monkeypatch, cls, env)
        assert "$(" not in "".join(env.values())
        if user := {"backend": "api", "worker": "worker"}.get(container["name"]):
            url = rf"rediss?://{user}:secret-redis-{user}-password@redis:6379/0"
            assert re.match(url, settings.redis_url), pod.name
        if container["name"] == "backend":
            assert settings.host == "0.0.0.0" and settings.allow_open
        if container["name"] == "worker":
            assert settings.engine in ("ollama", "openai")  # never an engine that the worker chooses by itself
            assert settings.openai_url if settings.engine == "openai" else settings.ollama_base_url


def test_many_api_processes_share_one_history(name: str, objects: list[Object]) -> None:
    env = environment(objects, named_container(objects, "backend"))
    scaled = of_kind(objects, "HorizontalPodAutoscaler", "ScaledObject")
    alone = "backend" not in [item["spec"]["scaleTargetRef"]["name"] for item in scaled]
    assert alone == (name == "minimal") == ("DATABASE_URL" not in env)


def test_every_key_that_a_manifest_takes_from_a_secret_is_in_the_secret(name: str, objects: list[Object]) -> None:
    """The Secret is made by a Job of the overlay or by a vault; else deploy.sh makes it."""
    keys = set(re.findall(r"'key': '([a-z-]+-password)'", str(objects)))
    for item in of_kind(objects, "ExternalSecret"):
        if item["metadata"]["name"] == "sluice-secrets":
            assert keys <= {part["secretKey"] for part in item["spec"]["data"]}
    makers = [pod for pod in pods(objects) if pod.name == "secret-maker"]
    assert len(makers) == (name in ("dev", "minimal"))
    for maker in makers:
        command = maker.spec["containers"][0]["command"]
        assert "sluice-secrets" in command and keys <= set(command)
    assert of_kind(objects, "Secret") == [], "a password that everybody can read"
    script = (ROOT / "deploy" / "deploy.sh").read_text()
    assert all(key.removesuffix("-password") in script for key in keys)


def test_an_open_address_has_a_guard(name: str, objects: list[Object]) -> None:
    """Until there are accounts: a password at every way in, or no way in but from the machine itself."""
    ways = of_kind(objects, "Ingress", "HTTPRoute")
    guarded = [item for item in ways if "entrance-password" in str(item)]
    assert guarded == ways or name == "dev"
    assert (ways == []) == (name == "minimal")
    for item in of_kind(objects, "HTTPRoute"):
        assert all("entrance-password" in str(rule["filters"]) for rule in item["spec"]["rules"])


def test_a_worker_gets_no_more_jobs_than_its_engine_runs_at_once(
    monkeypatch: pytest.MonkeyPatch, objects: list[Object]
) -> None:
    settings = read(monkeypatch, WorkerSettings, environment(objects, named_container(objects, "worker")))
    for _, container in containers(objects):
        if container["name"] == "ollama":
            assert environment(objects, container)["OLLAMA_NUM_PARALLEL"] == str(settings.slots)
        if container["name"] == "vllm":
            assert f"--max-num-seqs={settings.slots}" in container["args"]


def test_the_model_that_chats_get_is_one_that_is_fetched_and_offered(
    monkeypatch: pytest.MonkeyPatch, objects: list[Object]
) -> None:
    settings = read(monkeypatch, WorkerSettings, environment(objects, named_container(objects, "worker")))
    assert settings.default_model in settings.models
    for _, container in containers(objects):
        if container["name"] == "vllm":
            assert f"--served-model-name={settings.default_model}" in container["args"]


def test_a_pod_is_let_live_as_long_as_its_longest_answer_and_half_a_minute(
    monkeypatch: pytest.MonkeyPatch, objects: list[Object]
) -> None:
    deadline = read(monkeypatch, ApiSettings, environment(objects, named_container(objects, "backend"))).deadline
    for pod in pods(objects):
        if pod.name not in ("backend", "frontend", "ollama-worker", "vllm"):
            continue
        hook = max(
            item.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0) for item in pod.lasting
        )
        assert pod.spec["terminationGracePeriodSeconds"] >= hook + deadline + LEAVING, pod.name


def test_a_process_leaves_by_itself_before_it_is_killed_and_not_before_its_answers_end(
    monkeypatch: pytest.MonkeyPatch, objects: list[Object]
) -> None:
    deadline = read(monkeypatch, ApiSettings, environment(objects, named_container(objects, "backend"))).deadline
    for pod, container, cls in ours(objects):
        if container["name"] == "migrate":
            continue
        settings = read(monkeypatch, cls, environment(objects, container))
        hook = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        assert deadline <= settings.grace <= pod.spec["terminationGracePeriodSeconds"] - hook - LEAVING


def test_nginx_cuts_nothing_before_its_pod_s_time_is_up(objects: list[Object]) -> None:
    """The image of nginx is the same for all overlays, and some let a pod leave for hours."""
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    timeout = re.search(
        r"^worker_shutdown_timeout (\d+)([smhd]);", (DEPLOY / "images/nginx.conf").read_text(), re.MULTILINE
    )
    assert timeout
    for pod in pods(objects):
        if pod.name == "frontend":
            assert int(timeout[1]) * units[timeout[2]] >= pod.spec["terminationGracePeriodSeconds"]


def test_services_and_probes_meet_the_ports_that_the_code_listens_on(
    monkeypatch: pytest.MonkeyPatch, objects: list[Object]
) -> None:
    backend = named_container(objects, "backend")
    settings = read(monkeypatch, ApiSettings, environment(objects, backend))
    assert [port["containerPort"] for port in backend["ports"]] == [settings.port]
    for service in of_kind(objects, "Service"):
        assert service["spec"].get("type", "ClusterIP") == "ClusterIP"
        chosen = [pod for pod in pods(objects) if service["spec"]["selector"].items() <= pod.labels.items()]
        ports = {port["name"]: port["containerPort"] for item in chosen[0].containers for port in item.get("ports", [])}
        for port in service["spec"]["ports"]:
            assert port["port"] == ports[port["targetPort"]], service["metadata"]["name"]


def test_probes_read_paths_that_the_api_answers_under_a_host_that_it_answers_for(
    monkeypatch: pytest.MonkeyPatch, objects: list[Object]
) -> None:
    backend = named_container(objects, "backend")
    settings = read(monkeypatch, ApiSettings, environment(objects, backend))
    paths = {route.path for route in health.routes}  # type: ignore[attr-defined]
    for kind, path in (("startup", "live"), ("liveness", "live"), ("readiness", "ready")):
        probe = backend[f"{kind}Probe"]["httpGet"]
        assert probe["path"] == f"/health/{path}" and probe["path"] in paths
        assert probe["port"] in [port["name"] for port in backend["ports"]]
        assert {item["value"] for item in probe["httpHeaders"] if item["name"] == "Host"} <= settings.hosts


def test_the_urls_in_settings_name_services_and_their_ports(objects: list[Object]) -> None:
    services = {
        (item["metadata"]["name"], port["port"])
        for item in of_kind(objects, "Service")
        for port in item["spec"]["ports"]
    }
    for _, container, _ in ours(objects):
        for name, value in environment(objects, container).items():
            for host, port in re.findall(r"://(?:[^@/]*@)?([a-z0-9.-]+):(\d+)", value):
                outside = host in ("127.0.0.1", "host.k3d.internal")
                assert outside or (host, int(port)) in services, (name, value)


def named_container(objects: list[Object], name: str) -> Object:
    return next(item for _, item in containers(objects) if item["name"] == name)


def test_every_container_starts_what_the_packages_have(objects: list[Object]) -> None:
    commands = {item["name"]: item.get("command") for _, item, _ in ours(objects)}
    assert commands["backend"] == [*INIT, "python", "-m", "backend"]
    assert commands["worker"][:3] == INIT and commands["worker"][-3:] == ["python", "-m", "ollama_worker"]
    assert commands.get("migrate", [*INIT, "sluice", "db", "migrate"]) == [*INIT, "sluice", "db", "migrate"]
    probe = named_container(objects, "worker")["livenessProbe"]["exec"]["command"]
    assert f"deploy/bases/ollama-worker/alive.sh {probe[1]}" in (ROOT / "deploy/images/worker.Dockerfile").read_text()
    assert (ROOT / "backend" / "__main__.py").exists() and (ROOT / "ollama_worker" / "__main__.py").exists()


def test_the_database_of_the_url_is_the_one_that_is_made(objects: list[Object]) -> None:
    env = environment(objects, named_container(objects, "backend"))
    if "DATABASE_URL" in env:
        made = environment(objects, named_container(objects, "postgres"))
        wanted = f"postgresql://{made['POSTGRES_USER']}:{made['POSTGRES_PASSWORD']}@postgres:5432/{made['POSTGRES_DB']}"
        assert env["DATABASE_URL"] == wanted
