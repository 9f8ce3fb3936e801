"""The schema that this code works with.

In a module of its own, so that the supervisor can look at a database without
loading SQLAlchemy.
"""

REVISION = "0013"
"""The head of the migrations in ``alembic/``; a test holds both together."""
