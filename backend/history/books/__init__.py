"""What is written of ended jobs: a book for each subject, in the order in which they are written.

jobs       a row for every ended job: what it cost and when
answers    the end of the answers that wait for a job, in their threads
titles     the titles of threads that a job was to name
"""

from __future__ import annotations

from backend.history.books.answers import AnswersBook
from backend.history.books.book import Book
from backend.history.books.jobs import JobsBook
from backend.history.books.titles import TitlesBook


def history_books() -> tuple[Book, ...]:
    return (JobsBook(), AnswersBook(), TitlesBook())
