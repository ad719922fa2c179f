"""`sluice up` with stand-ins for its programs, and with a page only where a test names its sources."""

import os
import sys
from pathlib import Path

from sluice.frontend import Frontend
from sluice.programs import Programs
from sluice.up import run

PACKAGE = "tests.sluice.standins"
api, worker = ((sys.executable, "-m", f"{PACKAGE}.{name}") for name in ("api", "worker"))
frontend = Frontend(Path(os.environ.get("STANDIN_FRONTEND", "no-sources")), os.environ["PATH"])
sys.exit(run(commands=Programs(api, worker, frontend)))
