"""Builds an image without Docker: its Dockerfile's steps, one after another, in a tree of its own.

The builder executes RUN (with this machine's own package caches), COPY, ENV, ARG, WORKDIR. Instructions that a person
may only look at (LABEL, EXPOSE, HEALTHCHECK) and those of the start (USER, ENTRYPOINT, STOPSIGNAL) are read from the
last stage.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.images.dockerfile import Dockerfile, Stage, Step
from tests.images.ground import Ground, Process, Tree, run

# A base image's own variables. Its linker knows Python's library; this machine's may look for it where it is hidden.
BASE_ENV = {"PATH": "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", "LD_LIBRARY_PATH": "/usr/local/lib"}
# The way to this machine's registries is no part of an image.
HANDED_ON = ("PIP_", "SSL_", "REQUESTS_", "HTTP_", "HTTPS_", "NO_PROXY", "http_", "https_", "no_proxy")


class Image(NamedTuple):
    """An image: the last stage's root, and the instructions of its Dockerfile about running it."""

    name: str
    tree: Tree
    stage: Stage

    @property
    def user(self) -> int:
        return int(self.stage.last("USER").text.partition(":")[0])

    @property
    def folder(self) -> str:
        return self.stage.last("WORKDIR").text

    @property
    def env(self) -> dict[str, str]:
        return {**BASE_ENV, **self.stage.env}

    def process(self, words: list[str] | None = None, **env: str) -> Process:
        """The process of its entry point, or of another command in the same place."""
        return Process(words or self.stage.last("ENTRYPOINT").words, {**self.env, **env}, self.folder, self.user)


class Builder:
    """A builder. `stand_ins`: a RUN's text → a folder and the path where it lies then, as if the step had made it."""

    def __init__(self, ground: Ground, context: Path, home: Path, stand_ins: Mapping[str, tuple[Path, str]]) -> None:
        self._ground = ground
        self._context = context
        self._home = home
        self._stand_ins = stand_ins

    def build(self, dockerfile: Dockerfile, **arguments: str) -> Image:
        """Builds every stage, each from its base. `arguments`: `--build-arg`s."""
        done: dict[str, Tree] = {}
        for stage in dockerfile.stages:
            tree = Tree(self._ground, self._home / dockerfile.name / stage.name)
            tree.open()
            Stages(tree, self._context, done, self._stand_ins, arguments).do(stage)
            done[stage.name] = tree
        return Image(dockerfile.name, tree, dockerfile.final)


class Stages:
    """The stages of one build. `done`: the roots of the stages before the current one."""

    def __init__(
        self,
        tree: Tree,
        context: Path,
        done: Mapping[str, Tree],
        stand_ins: Mapping[str, tuple[Path, str]],
        arguments: Mapping[str, str],
    ) -> None:
        self._tree = tree
        self._context = context
        self._done = done
        self._stand_ins = stand_ins
        self._given = arguments
        handed_on = {name: value for name, value in os.environ.items() if name.startswith(HANDED_ON)}
        self._env = {**BASE_ENV, "HOME": "/root", **handed_on}
        self._folder = "/"

    def do(self, stage: Stage) -> None:
        for step in stage.steps:
            work = {"RUN": self._run, "COPY": self._copy, "ENV": self._set, "ARG": self._take, "WORKDIR": self._go}
            if step.keyword in work:
                work[step.keyword](step)

    def _run(self, step: Step) -> None:
        if step.text in self._stand_ins:
            source, target = self._stand_ins[step.text]
            return self._put(source, target)
        if cache := step.flag("mount"):
            self._mount_cache(dict(part.partition("=")[::2] for part in cache.split(",")))
        process = Process(["sh", "-c", step.text], self._env, self._folder)
        run(process.command(self._tree, network=False))

    def _mount_cache(self, mount: Mapping[str, str]) -> None:
        """This machine's own caches, so that nothing is fetched twice."""
        source = Path.home() / Path(mount["target"]).relative_to("/root")
        source.mkdir(parents=True, exist_ok=True)
        self._tree.ground.run("mkdir", "-p", self._tree.place(mount["target"]))
        self._tree.ground.mount("--bind", source, self._tree.place(mount["target"]))

    def _copy(self, step: Step) -> None:
        *sources, target = step.words
        origin = step.flag("from")
        for source in sources:
            place = self._done[origin].place(source) if origin else self._context / source
            into_folder = target.endswith(("/", ".")) and (origin is not None or not place.is_dir())
            self._put(place, f"{target.rstrip('/')}/{place.name}" if into_folder else target)

    def _put(self, source: Path, target: str) -> None:
        """Copies a file to that name, a folder's content into that folder."""
        place = self._tree.place(os.path.join(self._folder, target))
        is_folder = self._tree.ground.has_folder(source)
        self._tree.ground.run("mkdir", "-p", place if is_folder else place.parent)
        self._tree.ground.run("cp", "-a", f"{source}/." if is_folder else source, place)
        self._tree.ground.run("chown", "-R", "0:0", place)

    def _set(self, step: Step) -> None:
        self._env |= step.pairs

    def _take(self, step: Step) -> None:
        self._env |= {name: self._given.get(name, default) for name, default in step.pairs.items()}

    def _go(self, step: Step) -> None:
        self._folder = step.text
        self._tree.ground.run("mkdir", "-p", self._tree.place(step.text))
