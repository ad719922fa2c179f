"""A server out of an image runs on the image's libraries, whatever C library the runner has."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from tests.workflows.files import SCRIPTS


def test_a_program_of_another_tree_is_run_on_the_libraries_of_that_tree(tmp_path: Path) -> None:
    tree, program = tmp_path / "tree", Path(shutil.which("cat") or "cat").resolve()
    libraries = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    for needed in (program, *map(Path, re.findall(r"(/\S+)", libraries))):
        place = tree / ("bin" if needed == program else "usr/lib/somewhere") / needed.name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(needed, place)
    script = tmp_path / "server"
    command = [SCRIPTS / "own_libraries.sh", tree, f"/bin/{program.name}"]
    script.write_text(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    script.chmod(0o755)
    mapped = subprocess.run([script, "/proc/self/maps"], check=True, capture_output=True, text=True).stdout
    libraries = {Path(path) for path in re.findall(r"(/\S+\.so\S*)$", mapped, re.MULTILINE)}
    assert libraries and all(path.is_relative_to(tree) for path in libraries), libraries
