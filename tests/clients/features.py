"""`docs/features.md`: feature by dialect by engine, from what the client tests have really shown.

python -m tests.clients.features          writes the page from .cache/features.json, which every run leaves
python -m tests.clients.features --run    runs all client tests first
"""

from __future__ import annotations

import json
import subprocess
import sys

from tests.support.features import CLIENTS, RESULT, TABLE, Shown

# Columns: the languages of applications. The AI SDK speaks OpenAI's.
TABLES = (
    ("OpenAI", ("OpenAI chat", "OpenAI completions", "OpenAI embeddings", "OpenAI models")),
    ("OpenAI, beyond chat", ("OpenAI responses", "OpenAI batches")),
    ("Others", ("Ollama", "Anthropic", "LangServe", "AI SDK (Node)")),
    ("Between dialects", ("between dialects",)),
)
HEAD = """\
# What works with what

Made by `make features` from the marks of tests that passed; a run of the client tests fails where
this page claims more than it showed. Clients are the official ones, unchanged but for the base URL,
before real processes. A cell names the engines that it was shown on: `ollama` and `openai` are
those engines before the scripted engine of [`bench/`](../bench/scripted_engine.py), which speaks
their protocols without a model; `llama-cpp` and `real-ollama` run a tiny model with random weights,
which cannot do everything. An empty cell was not shown, or does not exist in that dialect.

The list of LangChain's standard tests that are left out, each with its reason, is
[`tests/clients/langchain_deselected.py`](../tests/clients/langchain_deselected.py).
"""


def page(proven: set[Shown]) -> str:
    return HEAD + "".join(f"\n## {title}\n\n{table(dialects, proven)}" for title, dialects in TABLES)


def table(dialects: tuple[str, ...], proven: set[Shown]) -> str:
    """A row for each feature that any of these dialects has."""
    features = sorted({proof.feature for proof in proven if proof.dialect in dialects}, key=str.lower)
    lines = [("feature", *dialects), ("---",) * (len(dialects) + 1)]
    lines += [(feature, *(cell(feature, dialect, proven) for dialect in dialects)) for feature in features]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cell(feature: str, dialect: str, proven: set[Shown]) -> str:
    return ", ".join(sorted(proof.engine for proof in proven if (proof.dialect, proof.feature) == (dialect, feature)))


def main(words: list[str]) -> int:
    if words == ["--run"]:
        # The page may claim too much until it is written anew, which this run is for.
        TABLE.unlink(missing_ok=True)
        if subprocess.run([sys.executable, "-m", "pytest", "-q", str(CLIENTS)], check=False).returncode:
            return 1
    proven = {Shown(*entry) for entry in json.loads(RESULT.read_text())}
    TABLE.write_text(page(proven))
    print(f"{TABLE}: {len(proven)} cells")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
