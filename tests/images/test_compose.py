"""docker-compose.yml: valid, closed to the outside, and in agreement with the code, the images and the manifests."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from pydantic_settings import BaseSettings
from redis import Redis
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as RedisConnectionError

from backend.settings import ApiSettings
from ollama_worker.settings import WorkerSettings
from tests.deploy.modules import Module, folder
from tests.deploy.test_settings import LEAVING, read, variables
from tests.images.compose import FILE, Service, parsed, services, whole
from tests.images.dockerfile import ROOT
from tests.images.dockerfile import read as dockerfile
from tests.support.child import Child, free_port
from tests.support.valkey import server_binary
from tests.support.waiting import wait_until

SPECIFICATION = Module(
    "github.com/compose-spec/compose-go/v2",
    "v2.16.2",
    "h1:pTp1DqQwJzFd85GzlWsSszKA1ABrV/ySqsClujIcWA8=",
    "schema/compose-spec.json",
)
OURS: dict[str, type[BaseSettings]] = {"backend": ApiSettings, "worker": WorkerSettings, "worker-vllm": WorkerSettings}
ONCE = {"migrate", "models"}
UNITS = {"s": 1, "m": 60, "h": 3600}


def seconds(text: str) -> float:
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)([smh])", text))


@pytest.fixture(params=sorted(services()))
def name(request: pytest.FixtureRequest) -> str:
    given: str = request.param
    return given


@pytest.fixture
def service(name: str) -> Service:
    return services()[name]


class TestSpecification:
    """The Compose specification's own schema, read from its Go module."""

    pytestmark = pytest.mark.timeout(300)  # the module may have to be fetched first

    @pytest.fixture
    def validator(self) -> Any:
        return jsonschema_rs.validator_for(json.loads((folder(SPECIFICATION) / SPECIFICATION.crds).read_text()))

    def test_the_file_is_valid(self, validator: Any) -> None:
        assert [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(whole())] == []

    @pytest.mark.parametrize("change", [{"restrat": "always"}, {"healthcheck": {"tests": []}}, {"ports": 8080}])
    def test_an_invalid_file_is_refused(self, validator: Any, change: Service) -> None:
        wrong = parsed({})
        wrong["services"]["backend"] |= change
        assert not validator.is_valid(wrong)


def test_only_loopback_reaches_the_page_and_no_address_the_rest() -> None:
    assert {name: entry["ports"] for name, entry in services().items() if "ports" in entry} == {
        "frontend": ["127.0.0.1:8080:8080"]
    }
    assert not any(entry.get("network_mode") or entry.get("privileged") for entry in services().values())
    internal = {name for name, net in whole()["networks"].items() if net and net.get("internal")}
    assert internal == {"queue", "history", "cache"}


def test_a_container_has_no_rights_and_writes_to_no_image(service: Service) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"] and not service.get("cap_add")
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not any("docker.sock" in str(volume) for volume in service.get("volumes", []))


def test_a_check_with_an_interval_for_the_start_has_a_length_of_the_start(service: Service) -> None:
    """Compose 2.36 and later refuse the whole file otherwise, and start no container."""
    check = service.get("healthcheck", {})
    assert "start_period" in check or "start_interval" not in check


def test_a_stop_in_the_first_moment_is_obeyed(service: Service) -> None:
    """A container's first process gets no signal that it has no handler for, so that process is an init."""
    assert service["init"] is True


def test_no_container_leaves_a_nameless_volume_behind(name: str, service: Service) -> None:
    """Each `up` would make another one of a folder that an image declares as a volume."""
    declared = {"redis": "/data", "cache": "/data", "postgres": "/var/lib/postgresql/data"}
    if name in declared:
        mounts = service["volumes"]
        targets = {entry["target"] if isinstance(entry, dict) else entry.split(":")[1] for entry in mounts}
        assert declared[name] in targets


def test_a_lasting_service_restarts_and_a_service_that_runs_once_ends(name: str, service: Service) -> None:
    assert service["restart"] == ("on-failure:5" if name in ONCE else "unless-stopped")


def test_a_condition_of_another_service_can_be_met(service: Service) -> None:
    """Healthy: the service has a check, of its own or its image's. Completed: the service ends."""
    for other, how in service.get("depends_on", {}).items():
        if how["condition"] == "service_healthy":
            assert "test" in services()[other].get("healthcheck", {}) or _image_checks(services()[other])
        if how["condition"] == "service_completed_successfully":
            assert other in ONCE
        assert not set(services()[other].get("profiles", [])) - set(service.get("profiles", [])) or not how.get(
            "required", True
        ), "a service of a profile that this one is not in"


def _image_checks(service: Service) -> bool:
    build = service.get("build", {}).get("dockerfile", "")
    return bool(build) and bool(dockerfile(re.sub(r".*/|\.Dockerfile", "", build)).final.of("HEALTHCHECK"))


def test_a_service_that_a_setting_names_is_on_the_same_network(service: Service) -> None:
    for value in service.get("environment", {}).values():
        for host in re.findall(r"://(?:[^@/]*@)?([a-z-]+):\d+", value):
            assert set(services()[host]["networks"]) & set(service["networks"]), host


@pytest.mark.parametrize("name", OURS)
def test_a_variable_is_one_that_the_code_reads_and_its_value_one_that_it_takes(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    env = services()[name]["environment"]
    assert set(env) <= variables(OURS[name])
    settings = read(monkeypatch, OURS[name], env)
    assert settings.default_model in settings.models
    assert seconds(services()[name]["stop_grace_period"]) >= settings.grace + LEAVING


def test_the_api_is_open_behind_the_page_s_nginx_only(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch, ApiSettings, services()["backend"]["environment"])
    assert settings.allow_open and settings.host == "0.0.0.0"
    assert [name for name, entry in services().items() if "front" in entry["networks"]] == ["backend", "frontend"]
    for place in ("images", "compose"):
        named = re.findall(r"\bbackend:\d+", (ROOT / "deploy" / place / "api.conf").read_text())
        assert set(named) == {f"backend:{settings.port}"}
    assert settings.grace >= settings.deadline, "an open stream is cut before its answer's deadline"
    pools = {entry["environment"]["SLUICE_POOL"] for name, entry in services().items() if name.startswith("worker")}
    assert pools == set(settings.all_pools)


def test_passwords_fit_all_their_users_and_can_be_set() -> None:
    names = (
        "REDIS_API_PASSWORD",
        "REDIS_WORKER_PASSWORD",
        "REDIS_KEDA_PASSWORD",
        "POSTGRES_PASSWORD",
        "CACHE_PASSWORD",
    )
    for chosen in ({}, {name: f"chosen-{name.lower()}-{'x' * 16}" for name in names}):
        chosen_services = parsed(chosen)["services"]
        redis, postgres = chosen_services["redis"]["environment"], chosen_services["postgres"]["environment"]
        api, worker = chosen_services["backend"]["environment"], chosen_services["worker"]["environment"]
        assert api["REDIS_URL"] == f"redis://api:{redis['API_PASSWORD']}@redis:6379/0"
        assert worker["REDIS_URL"] == f"redis://worker:{redis['WORKER_PASSWORD']}@redis:6379/0"
        assert (
            api["SLUICE_CACHE_URL"]
            == f"redis://:{chosen_services['cache']['environment']['CACHE_PASSWORD']}@cache:6379/0"
        )
        assert api["DATABASE_URL"] == f"postgresql://sluice:{postgres['POSTGRES_PASSWORD']}@postgres:5432/sluice"
        assert chosen_services["migrate"]["environment"]["DATABASE_URL"] == api["DATABASE_URL"]
        assert all(len(word) >= 16 for word in redis.values())
        assert all(chosen[name] in str(chosen_services) for name in chosen)


def test_the_databases_are_the_cluster_s() -> None:
    manifest = yaml.safe_load((ROOT / "deploy/bases/postgres/stateful-set.yaml").read_text())
    [container] = manifest["spec"]["template"]["spec"]["containers"]
    there = {entry["name"]: entry.get("value") for entry in container["env"]}
    here = services()["postgres"]["environment"]
    assert {name: there[name] for name in here if there[name]} == {name: here[name] for name in here if there[name]}
    script = (ROOT / "deploy/bases/redis/make-users.sh").read_text()
    assert set(re.findall(r"\$([A-Z]+_PASSWORD)", script)) == set(services()["redis"]["environment"])
    settings = (ROOT / "deploy/bases/redis/valkey.conf").read_text()
    assert "appendonly yes" in settings and "maxmemory-policy noeviction" in settings
    assert "/etc/valkey/valkey.conf" in services()["redis"]["command"][0]


def test_the_cache_drops_its_oldest_entries_and_requires_its_password(tmp_path: Path) -> None:
    """The cache's own command, run: the queue's server beside it never drops an entry."""
    service, port = services()["cache"], free_port()
    [script] = service["command"]
    config = tmp_path / "valkey.conf"
    script = script.replace("$$", "$").replace("/tmp/valkey.conf", str(config)).strip()
    command = f"{script.replace('valkey-server', str(server_binary()))} --port {port}"
    child = Child("cache", ["sh", "-euc", command], service["environment"], tmp_path)
    child.start()
    try:
        url = f"redis://:{service['environment']['CACHE_PASSWORD']}@127.0.0.1:{port}"
        wait_until(lambda: _maxmemory_policy(url) == "allkeys-lru", 20, "the cache answers, and drops its oldest")
        with pytest.raises(AuthenticationError):
            Redis(port=port).ping()
    finally:
        child.stop()


def _maxmemory_policy(url: str) -> str:
    with suppress(RedisConnectionError), Redis.from_url(url) as redis:
        return str(redis.info("memory")["maxmemory_policy"])
    return ""


def test_foreign_images_are_those_of_the_digests(service: Service) -> None:
    named = re.findall(r"^([A-Z]+_IMAGE)=([^@\s]+)", (ROOT / "deploy/digests.env").read_text(), re.MULTILINE)
    if "build" in service:
        args, defaults = service["build"]["args"], dict(named)
        assert args == {key: defaults[key] for key in args}
        assert (ROOT / service["build"]["dockerfile"]).is_file()
    else:
        assert service["image"] in dict(named).values()


def test_digests_reach_every_image() -> None:
    """The digests as `--env-file deploy/digests.env` would bring them."""
    named = dict(re.findall(r"^([A-Z]+_IMAGE)=([^@\s]+)", (ROOT / "deploy/digests.env").read_text(), re.MULTILINE))
    pinned = {name: f"{image}@sha256:{'0' * 64}" for name, image in named.items()}
    for entry in parsed(pinned)["services"].values():
        images = list(entry["build"]["args"].values()) if "build" in entry else [entry["image"]]
        assert all("@sha256:" in image for image in images)


@pytest.mark.parametrize("chosen", ["ollama", "ollama-gpu"])
def test_either_ollama_can_be_the_worker_s_engine(chosen: str) -> None:
    chosen_services = parsed({"OLLAMA": chosen, "SLUICE_SLOTS": "3"})["services"]
    assert chosen_services["worker"]["environment"]["OLLAMA_BASE_URL"] == f"http://{chosen}:11434"
    assert chosen_services["models"]["environment"]["OLLAMA_HOST"] == f"{chosen}:11434"
    assert (
        chosen_services["worker"]["environment"]["SLUICE_SLOTS"]
        == chosen_services[chosen]["environment"]["OLLAMA_NUM_PARALLEL"]
        == "3"
    )
    assert chosen in chosen_services["models"]["depends_on"]


def test_profiles_bring_gpus_and_no_other_service_needs_one() -> None:
    with_gpu = {name: entry["profiles"] for name, entry in services().items() if "deploy" in entry}
    assert with_gpu == {"ollama-gpu": ["gpu"], "vllm": ["vllm"]}
    assert {profile for entry in services().values() for profile in entry.get("profiles", [])} == {"gpu", "vllm"}
    slots = services()["worker-vllm"]["environment"]["SLUICE_SLOTS"]
    assert f"--max-num-seqs={slots}" in services()["vllm"]["command"]


def test_files_that_vllm_compiles_in_tmp_may_be_run() -> None:
    """vLLM's kernels are shared objects below HOME, and Docker mounts a tmpfs noexec."""
    with_exec = {name for name, entry in services().items() if "/tmp:mode=1777,exec" in entry["tmpfs"]}
    assert with_exec == {"vllm"} and services()["vllm"]["environment"]["HOME"] == "/tmp"


def test_every_variable_has_a_default() -> None:
    """`docker compose up` in a fresh checkout needs no setting."""
    text = "\n".join(line for line in FILE.read_text().splitlines() if not line.lstrip().startswith("#"))
    assert re.findall(r"(?<!\$)\$\{[A-Z_]+\}", text) == []
