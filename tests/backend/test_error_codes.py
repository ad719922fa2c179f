"""Every code that an answer of the page can fail with has its title, sentence and buttons, and no other has."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "frontend/stream/failures.ts"
CODE = re.compile(r"[a-z]+(_[a-z]+)*")
# Rooms of other dialects, and of what is no answer.
OTHER_ROOMS = frozenset({"admin", "anthropic", "batches", "common", "files", "ollama", "openai", "responses"})
# Refused requests of the page that ask for no answer: a notice tells them in the server's words. And headers that the
# page never sends wrong, a wrong place in a log, where it begins anew, inputs of a batch, vectors, and LangServe's own
# routes.
NO_ANSWERS = frozenset(
    "id_taken invalid_conversation invalid_cursor invalid_event_id invalid_idempotency_key invalid_on_disconnect "
    "invalid_pace invalid_query message_not_found models_mixed not_an_answer not_installed too_many_inputs "
    "unknown_event_id unknown_head".split()
)


def told_by_processes() -> set[str]:
    files = [*(ROOT / "ollama_worker").rglob("*.py"), *(ROOT / "backend").rglob("*.py")]
    rooms = [file for file in files if not OTHER_ROOMS.intersection(file.relative_to(ROOT).parts)]
    python = {code for file in rooms for code in codes_of(ast.parse(file.read_text()))}
    scripts = "\n".join(file.read_text() for file in (ROOT / "wire/scripts").glob("*.lua"))
    return python | set(re.findall(r"(?:failure\(|charge\(j, )'([a-z_]+)'", scripts))


def codes_of(tree: ast.Module) -> Iterator[str]:
    """Class attributes and assignments named `code`, second arguments of errors, the first of a job's failure."""
    for node in ast.walk(tree):
        hits: list[ast.expr] = []
        if isinstance(node, ast.Assign) and any(name_of(target) == "code" for target in node.targets):
            hits = [node.value]
        elif isinstance(node, ast.Call) and name_of(node.func) in RAISED:
            hits = [*node.args[1:2], *(keyword.value for keyword in node.keywords if keyword.arg == "code")]
        elif isinstance(node, ast.Call) and name_of(node.func) in ("fail", "cls"):
            hits = node.args[:1]
        elif isinstance(node, ast.Dict):
            hits = [value for key, value in zip(node.keys, node.values, strict=True) if literal(key) == "code"]
        yield from (code for first in hits if CODE.fullmatch(code := literal(first)))


def errors() -> frozenset[str]:
    """Names of the API's errors: the classes of its tree."""
    tree = ast.parse((ROOT / "backend/errors.py").read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


RAISED = errors()


def name_of(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def literal(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def known_to_the_page() -> set[str]:
    table = re.search(r"^const REPORTED: .*?^\};", TABLE.read_text(), re.MULTILINE | re.DOTALL)
    assert table is not None
    return set(re.findall(r"^  (\w+): ", table[0], re.MULTILINE))


def test_the_page_knows_what_to_do_about_every_code_that_an_answer_can_fail_with() -> None:
    parsed = told_by_processes()
    assert parsed >= {"queue_full_tenant", "engine_silent", "worker_lost", "never_started", "undecodable"}, "not seen"
    assert known_to_the_page() == parsed - NO_ANSWERS
