"""Tests of PyPI's `langchain-tests` that are not run, each with its reason. Tests that are not listed run and pass."""

from __future__ import annotations

from typing import NamedTuple

ALL = ""


class Deselected(NamedTuple):
    suite: str  # a class of test_langchain_standard.py; ALL: every one
    test: str
    reason: str


DESELECTED = (
    Deselected(ALL, "test_stream_time", "A benchmark of recorded HTTP traffic: nothing of ours would run."),
    Deselected(ALL, "test_pdf_inputs", "No engine here reads PDF files, and neither dialect carries one to a model."),
    Deselected(ALL, "test_pdf_tool_message", "The same, inside a tool's result."),
    Deselected(ALL, "test_audio_inputs", "No engine here hears audio."),
    Deselected(
        "TestChatOpenAI",
        "test_image_tool_message",
        "OpenAI's chat takes text as a tool's result and nothing else; so do we, and point to where pictures belong.",
    ),
    Deselected(
        "TestChatOllama", "test_tool_choice", "Ollama's protocol has no choice of tools: the client sends none."
    ),
    Deselected(
        "TestChatOllama",
        "test_anthropic_inputs",
        "The client itself refuses Anthropic's thinking blocks before it asks anybody.",
    ),
)


def reason_for(suite: str, test: str) -> str | None:
    """Why this test is left out; None: the test runs."""
    return next((entry.reason for entry in DESELECTED if entry.suite in (ALL, suite) and entry.test == test), None)
