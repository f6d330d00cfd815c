"""The two tables: posts, and the events that explain them."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, MetaData
from sqlmodel import Field, SQLModel

from storage.columns import AnyText, RowNumber, by_value
from storage.lifecycle import State

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Record(SQLModel):
    """What both tables share: metadata of their own, apart from any other SQLModel program's in this process."""

    metadata = MetaData(naming_convention=NAMES)


class Post(Record, table=True):
    """One generated text, from birth to grave. Never deleted; changed only through ``storage.posts``."""

    __tablename__ = "posts"
    __table_args__ = (
        Index(None, "state", "id"),  # claim, review queue, record
        Index(None, "state", "adapter_hash", "platform", "id"),  # shelf
        Index(None, "created_at"),
    )

    id: int | None = Field(default=None, sa_type=RowNumber, primary_key=True)
    state: State = Field(sa_type=by_value(State))
    version: int = 1  # counts changes, for compare-and-set

    text: str = Field(sa_type=AnyText)
    original_text: str | None = Field(default=None, sa_type=AnyText)  # what the model wrote, once a person edited it

    # Where it goes, who asked, and for which planned moment.
    platform: str
    channel: str | None = None
    server: str | None = None
    requester: str | None = None
    slot: str | None = Field(default=None, unique=True)

    # How it was made, so that it can be made again.
    prompt: str = Field(default="", sa_type=AnyText)
    topic: str | None = Field(default=None, sa_type=AnyText)
    seed: int = Field(sa_type=BigInteger)
    sampling: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    adapter: str
    adapter_hash: str
    base: str
    base_hash: str
    engine: str
    engine_version: str
    tokens: int
    logprob: float | None = None  # sum of natural logs

    # What the gate said.
    verdict: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    decision: str  # "allow", "hold", "block"
    policy: str  # hash of the rules that judged

    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None = None
    not_before: datetime | None = None

    # Review: who is looking, and who decided.
    lease_by: str | None = None
    lease_until: datetime | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None

    # Publishing.
    key: str = Field(unique=True)  # idempotency key, the same at every attempt
    attempts: int = 0
    remote_id: str | None = None
    remote_url: str | None = Field(default=None, sa_type=AnyText)
    published_at: datetime | None = None

    @property
    def number(self) -> int:
        """The row number of a stored post."""
        assert self.id is not None, "the post is stored"
        return self.id


class Event(Record, table=True):
    """One change of one post. Written once, never changed, never deleted."""

    __tablename__ = "events"

    id: int | None = Field(default=None, sa_type=RowNumber, primary_key=True)
    post_id: int = Field(sa_type=RowNumber, foreign_key="posts.id", index=True)
    at: datetime
    who: str  # "gate", "publisher", "discord:1234", "terminal:anne", …
    from_state: State | None = Field(default=None, sa_type=by_value(State))  # None at birth
    to_state: State = Field(sa_type=by_value(State))  # the same as from_state when only the content changed
    why: str = Field(sa_type=AnyText)
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
