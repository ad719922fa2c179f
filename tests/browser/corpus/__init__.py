"""Texts that try to run something in the page or to carry something out of it.

Templates (where Markdown, HTML, Mermaid and the like take an address or markup) times vectors (what is put there) times
disguises (how it is written). The same texts in the same order in every run. `python -m tests.browser.corpus --count`.
"""

from tests.browser.corpus.compose import corpus, sample
from tests.browser.corpus.payload import Marks, Payload, Place

__all__ = ["Marks", "Payload", "Place", "corpus", "sample"]
