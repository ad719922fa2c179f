"""`python -m tests.browser.corpus`: prints the payloads as JSON lines, or `--count` how many there are of each kind."""

from __future__ import annotations

import argparse
import json
from collections import Counter

from tests.browser.corpus import Marks, corpus, sample


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.browser.corpus", description="Texts that attack the page.")
    parser.add_argument("--count", action="store_true", help="only how many of each kind")
    parser.add_argument("--sample", type=int, metavar="N", help="so many, spread over all kinds")
    parser.add_argument("--script", default=Marks().script, help="what an attack runs")
    parser.add_argument("--host", default=Marks().host, help="whom an attack asks")
    arguments = parser.parse_args()
    marks = Marks(arguments.script, arguments.host)
    chosen = sample(arguments.sample, marks) if arguments.sample else corpus(marks)
    if arguments.count:
        kinds = Counter(payload.kind for payload in chosen)
        print("\n".join(f"{count:5} {kind}" for kind, count in [*kinds.items(), ("in all", kinds.total())]))
        return
    for payload in chosen:
        print(json.dumps(payload._asdict()))


if __name__ == "__main__":
    main()
