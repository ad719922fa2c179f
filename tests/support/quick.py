"""`pytest --quick`: what is over in a minute, for the loop of work. `make test-quick` runs it beside types and lint."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
# Folders of which every file starts processes or renders manifests.
LEFT_OUT = tuple("browser clients cluster containers deploy flow fuzz images kubernetes workflows".split())
# Fixtures that start a process of ours, or a server of a test's own.
STARTED = set("house durable_house module_house house_with_history ups fresh_valkey own_valkey shared_postgres".split())
MODEL = "tests/wire/test_model.py::test_every_key_is_as_designed_after_every_step"
# What takes long without them: the mutants, three of the model's four parts, and houses that a file starts by itself.
LONG = (
    "tests/wire/test_mutants.py",
    "tests/backend/test_batches_faults.py",
    *(f"{MODEL}[{part}]" for part in (1, 2, 3)),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="leave out what starts processes: `make test-quick`")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Folders that are left out are not even imported."""
    left_out = config.option.quick and collection_path.parent == TESTS and collection_path.name in LEFT_OUT
    return True if left_out else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.option.quick:
        config.hook.pytest_deselected(items=[item for item in items if not is_quick(item)])
        items[:] = [item for item in items if is_quick(item)]


def is_quick(item: pytest.Item) -> bool:
    """Whether a test needs no more than this process and the one Valkey that most tests share."""
    fixtures = set(getattr(item, "fixturenames", ()))
    parameters = getattr(item, "callspec", None)
    on_postgres = parameters is not None and "postgresql" in parameters.params.values()
    return not (fixtures & STARTED or on_postgres or item.nodeid.startswith(LONG))
