"""Which runs are chosen, what the engine is ordered to answer, and which promises count as broken."""

from __future__ import annotations

import pytest

from backend.store.tables import messages
from bench.page.__main__ import QUICK, judged, missed, parse, table
from bench.page.chat import LAST, spoken
from bench.page.gauges import Cost
from bench.page.house import PageMessage, PageThread, rows
from bench.page.runs import RUNS, Run, chosen
from bench.page.targets import TARGETS
from ollama_worker.engines.simulated_script import tokens_of

GOOD = Cost(seconds=30, busy=0.1, cpu=0.1, dropped=0, longest_task=50, shift=0, key_to_paint=16)
TEXT = "Some words first.\n\n```python\nprint(1)\nprint(2)\n```\n\n" * 20


def test_without_names_every_run_is_chosen() -> None:
    assert chosen([]) == RUNS


def test_a_kind_is_measured_on_all_subjects_that_have_it() -> None:
    assert {run.subject for run in chosen(["stream"])} == {"chat", "blocks", "plain"}
    assert [run.subject for run in chosen(["load"])] == ["chat"]


def test_a_kind_and_a_subject_choose_one_run() -> None:
    assert chosen(["chat", "open"]) == (Run("open", "chat"),)


def test_a_word_that_names_nothing_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--only", "everything"])
    assert "everything" in capsys.readouterr().err


@pytest.mark.parametrize("tokens", range(40, 60))
def test_an_answer_has_as_many_tokens_as_requested_and_marks_its_end(tokens: int) -> None:
    text = spoken(TEXT, tokens)
    assert len(tokens_of(text)) == tokens
    assert text.endswith(LAST)
    assert text.count("```") % 2 == 0


def test_a_seeded_thread_is_one_branch() -> None:
    made = rows(
        PageThread("t", "T", [PageMessage("user", "a"), PageMessage("assistant", "b"), PageMessage("user", "c")])
    )
    assert [(row["id"], row["parent_id"]) for row in made] == [("m0", None), ("m1", "m0"), ("m2", "m1")]
    assert set(made[0]) <= set(messages.columns.keys())


def test_a_kept_promise_is_not_missed() -> None:
    assert missed({run: GOOD for run in RUNS}) == []


@pytest.mark.parametrize(
    "worse",
    [{"cpu": 0.21}, {"dropped": 0.021}, {"longest_task": 151}, {"shift": 0.031}, {"key_to_paint": 51}],
    ids=lambda worse: next(iter(worse)),
)
def test_a_broken_promise_is_a_miss_of_the_page_and_reported_of_its_parts(worse: dict[str, float]) -> None:
    results = {Run("stream", subject): GOOD._replace(**worse) for subject in ("chat", "blocks")}
    [(target, run)] = missed(results)
    assert run.subject == "chat"
    assert ["missed" in judged(target, results, subject)[1] for subject in ("chat", "blocks")] == [True, True]


def test_waiting_for_a_core_is_reported_and_breaks_no_promise() -> None:
    results = {Run("stream", "chat"): GOOD._replace(busy=0.5)}
    [target] = [target for target in TARGETS if target.most is None]
    assert missed(results) == []
    assert judged(target, results, "chat") == ("50.0 %", "")


def test_a_check_of_the_page_s_parts_alone_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--check", "--only", "blocks"])
    assert "chat" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["open", "load"])
def test_a_long_task_while_a_thread_opens_is_missed(kind: str) -> None:
    run = Run(kind, "chat")
    assert missed({run: GOOD._replace(longest_task=300)}) == []
    assert len(missed({run: GOOD._replace(longest_task=301)})) == 1


def test_keys_that_were_never_typed_keep_no_promise() -> None:
    assert missed({Run("stream", "chat"): GOOD._replace(key_to_paint=None)})


def test_the_cost_of_react_markdown_breaks_no_promise() -> None:
    assert missed({Run("stream", "plain"): GOOD._replace(busy=0.9, dropped=0.5)}) == []


def test_the_table_has_a_row_for_each_target_that_was_measured() -> None:
    assert table(QUICK, {run: GOOD for run in RUNS}).row_count == len(TARGETS)
    assert table(QUICK, {Run("open", "chat"): GOOD}).row_count == 1
