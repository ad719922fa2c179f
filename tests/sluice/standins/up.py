"""`sluice up` with stand-ins for its programs."""

import sys

from sluice.programs import Programs
from sluice.up import run

PACKAGE = "tests.sluice.standins"
api, worker = ((sys.executable, "-m", f"{PACKAGE}.{name}") for name in ("api", "worker"))
sys.exit(run(commands=Programs(api, worker)))
