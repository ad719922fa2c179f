"""A front end with stand-ins for node and npm: the house builds it as it would the real one."""

from __future__ import annotations

import os
from pathlib import Path

from sluice.frontend import Frontend, source_hash

NODE = """#!/bin/sh
echo "${NODE_SAYS:-v24.1.0}"
"""
# Called as `npm --prefix FOLDER ci …` or `npm --prefix FOLDER run build`. NPM_HANGS and NPM_FAILS name `ci` or `run`.
NPM = """#!/bin/sh
folder=$2
echo "$3" >> "$folder/.calls"
if [ "$3" = "$NPM_FAILS" ]; then echo "npm error: no such package"; exit 7; fi
if [ "$3" = "$NPM_HANGS" ]; then
  sleep 600 &
  echo "$$ $!" > "$folder/.pids.new" && mv "$folder/.pids.new" "$folder/.pids"
  wait
fi
if [ "$3" = run ]; then
  mkdir -p "$folder/out" && echo page > "$folder/out/index.html" && cp "$folder/.expected" "$folder/out/.source-hash"
fi
"""


class PageSources:
    """`folder` with a page to build, and `tools`, a PATH that has the stand-ins first."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "frontend"
        tools = home / "tools"
        for place, text in (("app/page.tsx", "page"), ("package-lock.json", "{}"), ("package.json", "{}")):
            self.write(place, text)
        tools.mkdir()
        for name, text in (("node", NODE), ("npm", NPM)):
            (tools / name).write_text(text)
            (tools / name).chmod(0o755)
        self.tools = f"{tools}{os.pathsep}{os.environ['PATH']}"
        self.frontend = Frontend(self.folder, self.tools)

    def write(self, path: str, text: str) -> None:
        """Changes a source; the stand-in's next build is made of the sources as they are then."""
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text)
        (self.folder / ".expected").write_text(source_hash(self.folder) + "\n")

    @property
    def calls(self) -> list[str]:
        """The requests that npm got: `ci`, `run`."""
        calls = self.folder / ".calls"
        return calls.read_text().split() if calls.exists() else []

    @property
    def hanging(self) -> list[int]:
        """The pids of an npm that hangs, and of its children; empty before that."""
        pids = self.folder / ".pids"
        return [int(pid) for pid in pids.read_text().split()] if pids.exists() else []
