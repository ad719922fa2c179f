"""The page is built when it is missing or made of other sources, by an npm that ends when the house does."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog

from sluice import doctor, frontend
from sluice.frontend import Frontend, PageRefused, source_hash
from sluice.page import Building, PageBuilder
from sluice.settings import UpSettings
from sluice.supervisor import Supervisor
from tests.sluice.conftest import PATIENT, Ups
from tests.sluice.family import alive
from tests.sluice.page_sources import PageSources
from tests.support.waiting import eventually


@pytest.fixture
def sources(tmp_path: Path) -> PageSources:
    return PageSources(tmp_path)


@pytest.fixture
async def house() -> AsyncIterator[Supervisor]:
    async with Supervisor(structlog.get_logger()) as house:
        yield house


def builder_of(sources: PageSources, printed: list[str] | None = None, limit: float = PATIENT) -> PageBuilder:
    say = (printed if printed is not None else []).append
    return PageBuilder(sources.frontend, sources.folder / "page.log~", say, limit)


def runs(pid: int) -> bool:
    """Whether the process has ended; a zombie has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def hangs(sources: PageSources) -> None:
    await eventually(lambda: sources.hanging or None, PATIENT, "npm hangs")


async def nobody_hangs(sources: PageSources) -> None:
    """Whether an npm that hung has ended, and all that it had started."""
    assert len(sources.hanging) == 2
    await eventually(lambda: not any(map(runs, sources.hanging)) or None, PATIENT, "npm and its child end")


async def test_a_missing_page_is_installed_and_built(sources: PageSources, house: Supervisor) -> None:
    printed: list[str] = []
    await builder_of(sources, printed).make_fresh(house)
    assert sources.calls == ["ci", "run"]
    assert sources.frontend.fresh
    assert [sentence.split(":")[-1].strip() for sentence in printed[:2]] == ["npm ci …", "next build …"]


async def test_a_fresh_page_is_left_alone_also_without_node(sources: PageSources, house: Supervisor) -> None:
    await builder_of(sources).make_fresh(house)
    without = PageBuilder(Frontend(sources.folder, "/nowhere"), None, print)
    await without.make_fresh(house)
    assert sources.calls == ["ci", "run"]


async def test_changed_sources_are_built_without_installing_anew(sources: PageSources, house: Supervisor) -> None:
    await builder_of(sources).make_fresh(house)
    sources.write("app/page.tsx", "another page")
    assert not sources.frontend.fresh
    await builder_of(sources).make_fresh(house)
    assert sources.calls == ["ci", "run", "run"]


async def test_a_changed_lock_is_installed_anew(sources: PageSources, house: Supervisor) -> None:
    await builder_of(sources).make_fresh(house)
    sources.write("package-lock.json", '{"another": 1}')
    await builder_of(sources).make_fresh(house)
    assert sources.calls == ["ci", "run", "ci", "run"]


@pytest.mark.parametrize(
    "path", [".next/x", "node_modules/a/b.js", "tests/a.test.ts", "out.new/index.html", "a.tsbuildinfo"]
)
def test_a_file_that_is_no_source_does_not_make_a_page_stale(sources: PageSources, path: str) -> None:
    before = source_hash(sources.folder)
    sources.write(path, "changed")
    assert source_hash(sources.folder) == before


@pytest.mark.parametrize("path", ["lib/new.ts", "app/globals.css", "next.config.ts", "public/icon.svg"])
def test_every_source_makes_a_page_stale(sources: PageSources, path: str) -> None:
    before = source_hash(sources.folder)
    sources.write(path, "new")
    assert source_hash(sources.folder) != before


def test_the_build_and_the_house_hash_the_same(tmp_path: Path) -> None:
    copy = tmp_path / "frontend"
    others = shutil.ignore_patterns("node_modules", ".next", "out", "out.*")
    shutil.copytree(frontend.FOLDER, copy, ignore=others)
    for path in ("ü/b.ts", "ü.ts", "a-b/c.ts", "a/c.ts", "a.ts", "Z.ts", "tests/no.ts", "no~", ".no/x.ts", "out/x.js"):
        (copy / path).parent.mkdir(exist_ok=True)
        (copy / path).write_text(path)
    (copy / "link.ts").symlink_to("a.ts")
    node = ["node", str(copy / "scripts" / "source-hash.mjs")]
    digest = subprocess.run(node, capture_output=True, text=True, check=True, timeout=60).stdout.strip()
    assert digest == source_hash(copy)


async def test_a_failed_install_is_reported_with_npms_last_words_and_tried_again(
    sources: PageSources, house: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NPM_FAILS", "ci")
    with pytest.raises(PageRefused, match=r"npm ci ended with exit code 7(?s:.*)npm error: no such package"):
        await builder_of(sources).make_fresh(house)
    monkeypatch.delenv("NPM_FAILS")
    await builder_of(sources).make_fresh(house)
    assert sources.calls == ["ci", "ci", "run"]


async def test_a_build_that_hangs_ends_at_its_limit(
    sources: PageSources, house: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    await builder_of(sources).make_fresh(house)
    sources.write("app/page.tsx", "another page")  # only what hangs is left to do: the whole limit is its own
    monkeypatch.setenv("NPM_HANGS", "run")
    with pytest.raises(PageRefused, match=r"not built within 5 s"):
        await builder_of(sources, limit=5).make_fresh(house)
    await nobody_hangs(sources)


async def test_leaving_the_house_ends_npm_and_all_that_it_started(
    sources: PageSources, house: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NPM_HANGS", "ci")
    async with Building(builder_of(sources).make_fresh(house), sources.frontend):
        await hangs(sources)
    assert not any(map(runs, sources.hanging[:1]))  # the house is left only when npm has ended
    await nobody_hangs(sources)


@pytest.mark.parametrize(
    ("version", "refusal"), [("v18.20.4", "says 'v18.20.4', which"), ("", "says '', which"), ("v20.0.0", "")]
)
def test_an_old_node_is_named(
    sources: PageSources, monkeypatch: pytest.MonkeyPatch, version: str, refusal: str
) -> None:
    monkeypatch.setenv("NODE_SAYS", version or " ")
    if not refusal:
        assert sources.frontend.find_node() == "20.0.0"
        return
    with pytest.raises(PageRefused, match=refusal) as refused:
        sources.frontend.find_node()
    assert "make node" in str(refused.value)


def test_the_doctor_reports_the_state_of_the_page(sources: PageSources, monkeypatch: pytest.MonkeyPatch) -> None:
    up = UpSettings(_env_file=None)
    assert doctor.page(up, sources.frontend) == (
        "Page",
        True,
        "not built yet; `sluice up` builds it with Node 24.1.0",
        "",
    )
    monkeypatch.setenv("NODE_SAYS", "v18.0.0")
    ill = doctor.page(up, sources.frontend)
    assert (ill.good, "make node" in ill.advice) == (False, True)
    (sources.folder / "out").mkdir()
    (sources.folder / "out" / "index.html").write_text("page")
    assert "older sources" in doctor.page(up, sources.frontend).detail
    shutil.copy(sources.folder / ".expected", sources.folder / "out" / ".source-hash")
    assert doctor.page(up, sources.frontend) == ("Page", True, "built", "")


async def test_two_houses_do_not_build_at_once(sources: PageSources, house: Supervisor) -> None:
    builders = [builder_of(sources), builder_of(sources)]
    await asyncio.gather(*(builder.make_fresh(house) for builder in builders))
    assert sources.calls == ["ci", "run"]


async def test_up_builds_the_page_before_the_api_starts(ups: Ups, sources: PageSources) -> None:
    up = ups(STANDIN_FRONTEND=str(sources.folder), PATH=sources.tools)
    await up.up()
    assert sources.frontend.fresh
    events = [line["event"] for line in up.log_lines() if "event" in line]
    built = next(at for at, sentence in enumerate(events) if sentence.startswith("The page is built"))
    assert built < events.index("stand-in API listens")


async def test_up_starts_without_a_page_where_it_cannot_be_built(ups: Ups, sources: PageSources) -> None:
    up = ups(STANDIN_FRONTEND=str(sources.folder), PATH=sources.tools, NPM_FAILS="run")
    await up.up()
    entry = await up.wait_for_action("page_not_built", PATIENT)
    assert "npm run ended with exit code 7" in entry["event"]
    assert entry["event"].endswith("The API runs without a page.")


async def test_up_serves_the_last_page_where_the_new_one_cannot_be_built(ups: Ups, sources: PageSources) -> None:
    (sources.folder / "out").mkdir()
    (sources.folder / "out" / "index.html").write_text("the last page")
    up = ups(STANDIN_FRONTEND=str(sources.folder), PATH=sources.tools, NODE_SAYS="v18.0.0")
    await up.up()
    entry = await up.wait_for_action("page_not_built", PATIENT)
    assert "says 'v18.0.0'" in entry["event"]
    assert entry["event"].endswith("The page built last is served.")


@pytest.mark.parametrize(
    "more", [{"SLUICE_PAGE": "off"}, {"SLUICE_PAGE": "elsewhere"}, {"SLUICE_PAGE_DIR": "elsewhere"}]
)
async def test_up_leaves_the_page_alone_on_demand(ups: Ups, sources: PageSources, more: dict[str, str]) -> None:
    up = ups(STANDIN_FRONTEND=str(sources.folder), PATH=sources.tools, **more)
    await up.up()
    assert sources.calls == []


async def test_ctrl_c_during_the_build_ends_everything_at_once(ups: Ups, sources: PageSources) -> None:
    up = ups(STANDIN_FRONTEND=str(sources.folder), PATH=sources.tools, NPM_HANGS="ci")
    up.start()
    await up.see(lambda: sources.hanging, "npm hangs")
    up.look()
    up.signal(signal.SIGINT)
    assert await up.wait_for_exit(PATIENT) == 0
    assert alive(up.family).keys() <= set(sources.hanging[1:])  # npm's children were killed with it, unawaited
    await nobody_hangs(sources)
    up.family_ends()


async def test_kill_9_during_the_build_leaves_no_npm(ups: Ups, sources: PageSources) -> None:
    up = ups(STANDIN_FRONTEND=str(sources.folder), PATH=sources.tools, NPM_HANGS="run")
    up.start()
    await up.see(lambda: sources.hanging, "npm hangs")
    up.look()
    up.kill()
    await nobody_hangs(sources)
    up.family_ends()
