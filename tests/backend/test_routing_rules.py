"""The routing file: what it may have in it, and that each mistake is reported with file and key."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from backend.rules import Overflow, Rules, read_rules
from backend.settings import ApiSettings
from tests.support.processes import ROOT

EXAMPLE = ROOT / "docs/examples/routes.toml"


def rules(text: str, home: Path) -> Rules:
    file = home / "routes.toml"
    file.write_text(text)
    read = read_rules(str(file))
    assert isinstance(read, Rules)
    return read


def test_the_example_of_the_documents_is_read() -> None:
    settings = ApiSettings(SLUICE_POOLS="big,openai", SLUICE_ROUTES=str(EXAMPLE), _env_file=None)  # type: ignore[arg-type]
    llama = settings.rules.of("llama3.1:8b")
    assert settings.rules.aliases == {"gpt-4o-mini": "llama3.1:8b", "default": "llama3.1:8b"}
    assert llama.fallback == ("qwen2.5:7b", "openai/gpt-4o-mini")
    assert llama.overflow == Overflow(after_seconds=20, to="openai/gpt-4o-mini", always=False)
    assert (settings.rules.strategy(llama), settings.rules.strategy(settings.rules.of("qwen2.5:7b"))) == (
        "least-wait",
        "weighted",
    )
    assert (settings.rules.weight("big"), settings.rules.weight("default")) == (3, 1)


def test_without_a_file_no_model_has_a_rule() -> None:
    parsed = ApiSettings(_env_file=None).rules
    assert (parsed.aliases, parsed.of("any").fallback, parsed.strategy(parsed.of("any"))) == ({}, (), "least-wait")


def test_a_model_and_its_latest_have_one_rule(tmp_path: Path) -> None:
    parsed = rules('[models."a:latest"]\nfallback = ["b"]', tmp_path)
    assert parsed.of("a").fallback == parsed.of("a:latest").fallback == ("b",)
    assert parsed.of("a:1b").fallback == ()
    assert parsed.of("x", "a").fallback == ("b",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models = ", "Invalid value"),
        ("[model.a]", "model: is no key that is known here"),
        ('[models."a:1b"]\nalias = ["x"]', 'models."a:1b".alias: is no key'),
        ('[models."a:1b"]\nstrategy = "best"', "models.\"a:1b\".strategy: Input should be 'least-wait'"),
        ("[models.a]\naliases = [1]", "models.a.aliases.0: Input should be a valid string"),
        ('[models.a]\naliases = ["ä"]', "models.a.aliases.0: must be 1 to 200 printable ASCII"),
        ("[models.a]\noverflow = { after_seconds = 1 }", "models.a.overflow.to: Field required"),
        ('[models.a]\noverflow = { after_seconds = 0, to = "b" }', "models.a.overflow.after_seconds: Input should be"),
        ('[models.a]\noverflow = { after_seconds = 1, to = "b", always = 1 }', "models.a.overflow.always: Input"),
        ("[pools.big]\nweight = 0", "pools.big.weight: Input should be greater than 0"),
        ('[pools.big]\nweight = "3"', "pools.big.weight: Input should be a valid number"),
        ('[routing]\nstrategy = ""', "routing.strategy: Input should be"),
        ('[models.a]\naliases = ["b"]\n[models.b]', "models.a.aliases: 'b' is a model of this file itself"),
        (
            '[models.a]\naliases = ["x"]\n[models.b]\naliases = ["x"]',
            "models.b.aliases: 'x' is an alias of 'a' already",
        ),
    ],
)
def test_a_mistake_is_reported_with_file_and_key(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError) as error:
        rules(text, tmp_path)
    assert str(error.value).startswith(f"{tmp_path}/routes.toml: ")
    assert message in str(error.value)


def test_a_file_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.toml cannot be read: No such file"):
        read_rules(str(tmp_path / "none.toml"))
    (tmp_path / "latin.toml").write_bytes(b"# \xe4")
    with pytest.raises(ValueError, match=r"latin\.toml: "):
        read_rules(str(tmp_path / "latin.toml"))


def test_a_pool_that_the_api_does_not_know_is_a_mistake() -> None:
    with pytest.raises(ValidationError, match=r"pools\.big: no pool of SLUICE_POOLS \(default\)"):
        ApiSettings(SLUICE_ROUTES=str(EXAMPLE), _env_file=None)  # type: ignore[arg-type]


def test_the_own_pool_is_first_whatever_the_setting_is() -> None:
    assert ApiSettings(SLUICE_POOL="b", SLUICE_POOLS="a,b").all_pools == ("b", "a")  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="is no pool's name"):
        ApiSettings(SLUICE_POOLS="a,B C", _env_file=None)  # type: ignore[arg-type]
