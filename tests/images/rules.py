"""The rules for our Dockerfiles: hadolint's that matter here, and some of our own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from tests.images.dockerfile import Dockerfile, Stage, Step

LABELS = ("title", "description", "licenses", "version", "revision", "source")
SECRET = re.compile(r"password|secret|token|api_?key", re.IGNORECASE)
FETCHED = re.compile(r"\b(curl|wget|git clone)\b|https?://")
Rule = Callable[[Dockerfile], Iterator[str]]


def problems(dockerfile: Dockerfile) -> list[str]:
    """The broken rules, a sentence each."""
    return [f"{dockerfile.name}: {problem}" for rule in RULES for problem in rule(dockerfile)]


def bases_can_be_pinned(dockerfile: Dockerfile) -> Iterator[str]:
    """Each base is an argument, so that a digest can stand in its place; the default is a tag, never a moving one."""
    for stage in dockerfile.stages:
        name = re.match(r"\$\{(\w+)\}", stage.base.text)
        image = dockerfile.arguments.get(name[1], "") if name else ""
        if not image:
            yield f"line {stage.base.line}: a base is no argument: {stage.base.text}"
        elif not re.search(r":[a-z0-9.-]*\d", image.partition("@")[0]) or "latest" in image:
            yield f"{image} is no release"


def nothing_is_fetched_unchecked(dockerfile: Dockerfile) -> Iterator[str]:
    for step in dockerfile.steps:
        if step.keyword == "ADD":
            yield f"line {step.line}: ADD fetches and unpacks; COPY does neither"
        if step.keyword == "RUN" and FETCHED.search(step.text):
            yield f"line {step.line}: what is fetched is not checked"


def packages_are_locked(dockerfile: Dockerfile) -> Iterator[str]:
    for step, command in _commands(dockerfile):
        if "pip" in command and " install" in command:
            if "--require-hashes -r" not in command and "--no-index --no-deps" not in command:
                yield f"line {step.line}: pip without hashes"
            if "--require-hashes" in command and "--only-binary=:all:" not in command:
                yield f"line {step.line}: pip may run what it fetched"
        if re.search(r"\bnpm (install|i)\b", command):
            yield f"line {step.line}: npm without its lock"


def apt_leaves_nothing_behind(dockerfile: Dockerfile) -> Iterator[str]:
    for step in dockerfile.steps:
        if step.keyword == "RUN" and "apt-get install" in step.text:
            for wanted in ("apt-get update &&", "--no-install-recommends", " -y ", "rm -rf /var/lib/apt/lists/*"):
                if wanted not in step.text:
                    yield f"line {step.line}: apt-get without {wanted.strip()}"


def shells_say_when_something_fails(dockerfile: Dockerfile) -> Iterator[str]:
    for step in dockerfile.steps:
        if step.keyword == "RUN":
            text = re.sub(r"\|\||lists/\*; }", "", step.text)
            if ";" in text or "|" in text:
                yield f"line {step.line}: in a list or a pipe only the last command's failure counts"
            if re.search(r"\b(sudo|cd)\b", text):
                yield f"line {step.line}: sudo or cd"


def nobody_runs_it(dockerfile: Dockerfile) -> Iterator[str]:
    users = dockerfile.final.of("USER")
    if not users or users[-1].text != "10001:10001":
        yield "the user is no number that a cluster can check, or root"
    elif any(step.keyword in ("RUN", "COPY") for step in _after(dockerfile.final, users[-1])):
        yield "something is made behind USER, and belongs to whom it could harm"
    for step in dockerfile.final.of("COPY"):
        if step.flag("chown") != "0:0":
            yield f"line {step.line}: what is copied may belong to whoever built it"


def it_starts_without_a_shell(dockerfile: Dockerfile) -> Iterator[str]:
    for keyword in ("ENTRYPOINT", "CMD", "HEALTHCHECK"):
        for step in dockerfile.final.of(keyword):
            text = step.text.partition("CMD ")[2] if keyword == "HEALTHCHECK" else step.text
            if not text.startswith("["):
                yield f"line {step.line}: a shell stands between {keyword} and its process"
    if not dockerfile.final.of("ENTRYPOINT"):
        yield "no ENTRYPOINT"
    if not dockerfile.final.of("HEALTHCHECK"):
        yield "no HEALTHCHECK"


def an_early_signal_is_heard(dockerfile: Dockerfile) -> Iterator[str]:
    """The kernel drops a signal for which a container's first process has no handler, and Python takes its time."""
    for step in dockerfile.final.of("ENTRYPOINT"):
        if "python" in step.text and not step.text.startswith('["tini", "-s", "--", '):
            yield f"line {step.line}: an early signal is lost without an init"


def folders_are_absolute(dockerfile: Dockerfile) -> Iterator[str]:
    for step in dockerfile.steps:
        if step.keyword == "WORKDIR" and not step.text.startswith("/"):
            yield f"line {step.line}: WORKDIR depends on the base's"


def it_says_what_it_is(dockerfile: Dockerfile) -> Iterator[str]:
    labels = {name for step in dockerfile.final.of("LABEL") for name in step.pairs}
    for name in LABELS:
        if f"org.opencontainers.image.{name}" not in labels:
            yield f"no label {name}"


def no_secret_is_baked_in(dockerfile: Dockerfile) -> Iterator[str]:
    names = [
        *dockerfile.arguments,
        *(name for step in dockerfile.steps if step.keyword in ("ARG", "ENV") for name in step.pairs),
    ]
    yield from (f"{name} would be in the image's history" for name in names if SECRET.search(name))


def _commands(dockerfile: Dockerfile) -> Iterator[tuple[Step, str]]:
    for step in dockerfile.steps:
        if step.keyword == "RUN":
            for command in re.split(r"&&|\|\|", step.text):
                yield step, command


def _after(stage: Stage, step: Step) -> tuple[Step, ...]:
    return stage.steps[stage.steps.index(step) + 1 :]


RULES: tuple[Rule, ...] = (
    bases_can_be_pinned,
    nothing_is_fetched_unchecked,
    packages_are_locked,
    apt_leaves_nothing_behind,
    shells_say_when_something_fails,
    nobody_runs_it,
    it_starts_without_a_shell,
    an_early_signal_is_heard,
    folders_are_absolute,
    it_says_what_it_is,
    no_secret_is_baked_in,
)
