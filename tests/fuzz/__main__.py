"""`python -m tests.fuzz --requests 100000`: the long form. Each round has a seed of its own, which is printed."""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.campaign import Campaign, shares
from tests.fuzz.house import ENGINES, Fuzzed, fuzzed_house

ROUND = 5_000  # requests of one seed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Generated requests by the thousand.")
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, help="of the first round; the others count on from it")
    parser.add_argument("--engine", action="append", choices=ENGINES, help="one or more; else all, a part each")
    arguments = parser.parse_args()
    first = secrets.randbits(32) if arguments.seed is None else arguments.seed
    engines = arguments.engine or ENGINES
    for engine, share in zip(engines, shares(arguments.requests, len(engines)), strict=True):
        print(f"{engine}: {share} requests", flush=True)
        with tempfile.TemporaryDirectory(prefix="sluice-fuzz-") as home, fuzzed_house(Path(home), engine) as fuzzed:
            run(fuzzed, share, first)
    return 0


def run(fuzzed: Fuzzed, wanted: int, first: int) -> None:
    sent, began = 0, time.monotonic()
    for number in range(first, first + wanted):
        if sent >= wanted:
            break
        campaign = Campaign(fuzzed, number)
        share = min(ROUND, wanted - sent)
        campaign.shapes(share * 4 // 5)
        campaign.documented(share - share * 4 // 5)
        campaign.chats_still()
        sent += campaign.sent
        print(f"seed {number}: {sent} requests in {time.monotonic() - began:.0f} s, nothing wrong", flush=True)
        if not campaign.sent:
            break


if __name__ == "__main__":
    sys.exit(main())
