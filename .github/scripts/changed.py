"""Which parts of the house a range of commits touches: what is built anew, and what is rolled out.

    python3 .github/scripts/changed.py COMMIT       everything since that commit (`git diff COMMIT HEAD`)
    python3 .github/scripts/changed.py --only all   or: backend,worker,frontend,deploy; `none` for none of them

Prints lines for a step's outputs: `backend=true` for each part, and `images=["backend", "worker"]`. A commit that is
not there (a first push, a rewritten branch) means that everything counts as changed: too much is built, and nothing is
missed. Paths that belong to no part (docs, tests) change nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys

IMAGES = ("backend", "worker", "frontend")
PARTS = (*IMAGES, "deploy")
# What each image is made of: the Dockerfile's COPYs, and what decides about its layers. A test compares the two.
BASES = ("deploy/digests.env", ".dockerignore", ".github/scripts/build.sh")
WHEEL = ("pyproject.toml", "README.md", "LICENSE", ".ci/page_in_wheel.py", "deploy/images/build.lock", "wire/")
BACKEND = ("backend.Dockerfile", "backend.lock", "kubernetes.lock", "ready.py")
WORKER = ("worker.Dockerfile", "worker.lock", "llama-cpp.lock")
FRONTEND = ("frontend.Dockerfile", "nginx.conf", "api.conf")
IN_IMAGES = "deploy/images/"
MADE_OF = {
    "backend": ("backend/", "sluice/", *(IN_IMAGES + name for name in BACKEND), *WHEEL, *BASES),
    "worker": (
        "ollama_worker/",
        "deploy/bases/ollama-worker/alive.sh",
        *(IN_IMAGES + name for name in WORKER),
        *WHEEL,
        *BASES,
    ),
    "frontend": ("frontend/", *(IN_IMAGES + name for name in FRONTEND), *BASES),
    "deploy": ("deploy/",),
}


def main(arguments: list[str]) -> int:
    match arguments:
        case ["--only", names]:
            parts = chosen(names)
        case [commit]:
            parts = touched(since(commit))
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    print("\n".join(outputs(parts)))
    return 0


def chosen(names: str) -> set[str]:
    """`all`, `none`, or parts by name; SystemExit for a name that is none."""
    if names in ("all", "none"):
        return set(PARTS) if names == "all" else set()
    parts = set(names.split(","))
    if unknown := parts - set(PARTS):
        raise SystemExit(f"changed.py: there is no part {', '.join(sorted(unknown))}: {', '.join(PARTS)}, all or none")
    return parts


def since(commit: str) -> list[str] | None:
    """The paths that differ; None where git does not know the commit."""
    # What follows `--` is no option, and what git cannot resolve to a commit never reaches `diff`.
    known = _git("rev-parse", "--quiet", "--verify", "--end-of-options", f"{commit}^{{commit}}")
    if known.returncode:
        return None
    diff = _git("diff", "--name-only", "-z", "--no-renames", known.stdout.strip(), "HEAD", "--")
    diff.check_returncode()
    return [path for path in diff.stdout.split("\0") if path]


def touched(paths: list[str] | None) -> set[str]:
    if paths is None:
        return set(PARTS)
    return {part for part in PARTS if any(belongs(path, part) for path in paths)}


def belongs(path: str, part: str) -> bool:
    if part == "deploy" and path.startswith(IN_IMAGES):
        return False
    return any(path == made or (made.endswith("/") and path.startswith(made)) for made in MADE_OF[part])


def outputs(parts: set[str]) -> list[str]:
    flags = [f"{part}={str(part in parts).lower()}" for part in PARTS]
    return [*flags, f"images={json.dumps([image for image in IMAGES if image in parts])}"]


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)  # noqa: S607


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
