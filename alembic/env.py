"""Runs the migrations on the connection that ``quws.store.schema`` hands over."""

from alembic import context

from quws.store.schema import remember_oldest_code
from quws.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    # SQLite alters a table by copying it.
    render_as_batch=connection.dialect.name == "sqlite",
    transaction_per_migration=True,
    # In the transaction of the revision, so that both are always of one mind.
    on_version_apply=remember_oldest_code,
)
with context.begin_transaction():
    context.run_migrations()
