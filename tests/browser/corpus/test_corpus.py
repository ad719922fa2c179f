"""The corpus itself: a corpus that lost its attacks would pass every test."""

from __future__ import annotations

from collections import Counter

from tests.browser.corpus import Marks, corpus, sample

MARKS = Marks("window.__seen=7", "http://127.0.0.1:4711")


async def test_there_are_at_least_two_thousand_and_no_text_twice_in_one_place() -> None:
    texts = [(payload.place, payload.text) for payload in corpus()]
    assert len(texts) >= 2000
    assert len(set(payload.id for payload in corpus())) == len(texts)


async def test_the_corpus_is_the_same_in_every_run() -> None:
    assert corpus(MARKS) == corpus(MARKS)


async def test_every_attack_but_the_bombs_and_dead_addresses_carries_a_mark() -> None:
    marked = ("__seen", "4711", "5F5F7365656E", "X19zZWVu")
    without = [
        payload.id
        for payload in corpus(MARKS)
        if payload.kind != "formula-bomb" and not any(mark in payload.text for mark in marked)
    ]
    assert len(without) < len(corpus(MARKS)) * 0.06


async def test_a_sample_has_all_kinds_in_equal_shares() -> None:
    kinds = Counter(payload.kind for payload in sample(300))
    assert kinds.total() == 300
    assert kinds.keys() == {payload.kind for payload in corpus()}
    assert max(kinds.values()) - min(kinds.values()) <= 10


async def test_titles_and_names_are_one_line() -> None:
    for payload in corpus():
        if payload.place in ("title", "model_name"):
            assert "\n" not in payload.text
