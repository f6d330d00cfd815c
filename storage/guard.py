"""The session that keeps the record: rows are added through it, and never changed or deleted behind its back.

Changes are compare-and-set statements in ``storage.posts``. Triggers in the database (see the first migration) say
the same to everybody else: events are final, and posts are never deleted.
"""

from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import UOWTransaction
from sqlmodel import Session

from storage.errors import RecordIsFinal


class RecordSession(Session):
    """A session whose flush only inserts."""


@event.listens_for(RecordSession, "before_flush")
def _only_insert(session: RecordSession, _context: UOWTransaction, _instances: Any) -> None:
    changed = [row for row in session.dirty if session.is_modified(row)]
    if changed or session.deleted:
        session.expunge_all()
        raise RecordIsFinal("A row of the record was changed or deleted directly: use storage.posts.move or amend.")
