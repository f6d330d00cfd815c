"""Posts and the events that explain them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ROW = sa.BigInteger().with_variant(sa.Integer, "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create both tables, and the triggers that make the record final."""
    op.create_table(
        "posts",
        sa.Column("id", ROW, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("original_text", sa.Text),
        sa.Column("platform", sa.String, nullable=False),
        sa.Column("channel", sa.String),
        sa.Column("server", sa.String),
        sa.Column("requester", sa.String),
        sa.Column("slot", sa.String),
        sa.Column("prompt", sa.Text, nullable=False),
        sa.Column("topic", sa.Text),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("sampling", sa.JSON, nullable=False),
        sa.Column("adapter", sa.String, nullable=False),
        sa.Column("adapter_hash", sa.String, nullable=False),
        sa.Column("base", sa.String, nullable=False),
        sa.Column("base_hash", sa.String, nullable=False),
        sa.Column("engine", sa.String, nullable=False),
        sa.Column("engine_version", sa.String, nullable=False),
        sa.Column("tokens", sa.Integer, nullable=False),
        sa.Column("logprob", sa.Float),
        sa.Column("verdict", sa.JSON, nullable=False),
        sa.Column("decision", sa.String, nullable=False),
        sa.Column("policy", sa.String, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("expires_at", TIME),
        sa.Column("not_before", TIME),
        sa.Column("lease_by", sa.String),
        sa.Column("lease_until", TIME),
        sa.Column("decided_by", sa.String),
        sa.Column("decided_at", TIME),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("remote_id", sa.String),
        sa.Column("remote_url", sa.Text),
        sa.Column("published_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_posts"),
        sa.UniqueConstraint("slot", name="uq_posts_slot"),
        sa.UniqueConstraint("key", name="uq_posts_key"),
    )
    op.create_index("ix_posts_state_id", "posts", ["state", "id"])
    op.create_index("ix_posts_state_adapter_hash_platform_id", "posts", ["state", "adapter_hash", "platform", "id"])
    op.create_index("ix_posts_created_at", "posts", ["created_at"])
    op.create_table(
        "events",
        sa.Column("id", ROW, nullable=False),
        sa.Column("post_id", ROW, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("from_state", sa.String(16)),
        sa.Column("to_state", sa.String(16), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name="fk_events_post_id"),
    )
    op.create_index("ix_events_post_id", "events", ["post_id"])
    _make_final(op.get_bind().dialect.name)


def _make_final(dialect: str) -> None:
    """Events are never changed, nothing is deleted: said by the database itself, on the two we test."""
    forbidden = [("events", "UPDATE"), ("events", "DELETE"), ("posts", "DELETE")]
    if dialect == "sqlite":
        for table, deed in forbidden:
            op.execute(
                f"CREATE TRIGGER {table}_no_{deed.lower()} BEFORE {deed} ON {table} "
                "BEGIN SELECT RAISE(ABORT, 'the record is final'); END"
            )
    elif dialect == "postgresql":
        op.execute(
            "CREATE FUNCTION record_is_final() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the record is final'; END $$"
        )
        for table, deed in [*forbidden, ("events", "TRUNCATE"), ("posts", "TRUNCATE")]:
            op.execute(
                f"CREATE TRIGGER {table}_no_{deed.lower()} BEFORE {deed} ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION record_is_final()"
            )


def downgrade() -> None:
    """The record is never thrown away."""
    raise NotImplementedError("The first migration cannot be undone: the record is never deleted.")
