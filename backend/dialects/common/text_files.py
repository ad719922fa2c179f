"""Files in a request, as far as a model can read them: text, sent as base64. Nothing is ever fetched or converted."""

from __future__ import annotations

from backend.dialects.common.base64_text import compact, decoded, of_data_url

NO_TEXT = "no engine here reads this file: send files of text (UTF-8) as base64, or what is written in them as text"


def text_of_file(data: str) -> str:
    """The text in a file's base64 or data URL. Raises ValueError for all else: PDFs, spreadsheets, sound."""
    base64 = of_data_url(data) if data[:5].lower() == "data:" else data
    try:
        text = decoded(compact(base64)).decode("utf-8-sig")
    except ValueError:  # a UnicodeDecodeError is one
        raise ValueError(NO_TEXT) from None
    if "\0" in text:
        raise ValueError(NO_TEXT)
    return text


def named_text(name: str | None, text: str) -> str:
    """A file as the model reads it: its name, then its text."""
    return f"{name}:\n{text}" if name else text
