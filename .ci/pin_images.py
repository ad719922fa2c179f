"""Which digest has each image that we build on or run: deploy/digests.env, and the manifests' component of images.

python .ci/pin_images.py          writes the digests that the tags have now (`make pin-images`; needs a network)
python .ci/pin_images.py check    exit status 1, and the names, where one is not pinned; the workflow runs this
python .ci/pin_images.py bases    those that our own images stand on, NAME=image a line: arguments of a build
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

DEPLOY = Path(__file__).parents[1] / "deploy"
FILE = DEPLOY / "digests.env"
MANIFESTS = DEPLOY / "components" / "images" / "kustomization.yaml"
LINE = re.compile(r"^([A-Z]+_IMAGE)=([^@\s]+)(@sha256:[0-9a-f]{64})?$", re.MULTILINE)
BASES = ("PYTHON_IMAGE", "NODE_IMAGE", "NGINX_IMAGE")


def main(arguments: list[str]) -> int:
    if arguments == ["check"]:
        return tell_unpinned()
    if arguments == ["bases"]:
        print("\n".join(match[0] for match in LINE.finditer(FILE.read_text()) if match[1] in BASES))
        return 0
    digests = {match[2]: digest_of(match[2]) for match in LINE.finditer(FILE.read_text())}
    FILE.write_text(pinned(FILE.read_text(), digests))
    MANIFESTS.write_text(pinned_manifests(MANIFESTS.read_text(), digests))
    return 0


def tell_unpinned() -> int:
    loose = [f"{name}={image}" for name, image, digest in LINE.findall(FILE.read_text()) if not digest]
    print("\n".join([*loose, "These have no digest: make pin-images"] if loose else ["Every image is pinned."]))
    return 1 if loose else 0


def pinned(text: str, digests: dict[str, str]) -> str:
    """digests.env with these digests, by image and tag."""
    return LINE.sub(lambda match: f"{match[1]}={match[2]}@{digests[match[2]]}", text)


def pinned_manifests(text: str, digests: dict[str, str]) -> str:
    """The component with a digest below each tag that digests.env has too."""
    bare = re.sub(r"^ +digest: .*\n", "", text, flags=re.MULTILINE)
    entry = re.compile(r"^(?P<indent> +)newName: (?P<name>\S+)\n +newTag: (?P<tag>\S+)(?P<rest>.*)$", re.MULTILINE)

    def with_digest(match: re.Match[str]) -> str:
        digest = digests.get(f"{match['name']}:{match['tag'].strip(chr(34))}")
        return match[0] + (f"\n{match['indent']}digest: {digest}" if digest else "")

    return entry.sub(with_digest, bare)


def digest_of(image: str) -> str:
    """The registry's answer, of the list of all platforms where there is one. Raises where it cannot be had."""
    if shutil.which("crane"):
        return _run("crane", "digest", image).strip()
    manifest = _run("docker", "buildx", "imagetools", "inspect", "--format", "{{json .Manifest}}", image)
    return str(json.loads(manifest)["digest"])


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
