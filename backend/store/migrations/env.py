"""What Alembic runs; the connection, in its transaction and with its lock, comes from `backend/store/migrate.py`."""

from alembic import context

from backend.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters few things in place
)
context.run_migrations()
