"""Alembic's entry: the caller brings the connection and the transaction."""

from alembic import context

from storage.models import Record

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Record.metadata, render_as_batch=True
)
context.run_migrations()
