"""Brings the tables of a database to the schema of this program."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from gateway.domain.errors import ConfigError

_STEPS = Path(__file__).parent / "migrations"


def migrate(connection: Connection) -> None:
    """Run the steps that are missing, in the transaction of `connection`, which others must wait for.

    `ConfigError` when a newer program has been here: this one could not read what that one writes.
    """
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_STEPS).replace("%", "%%"))
    known = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}

    found = MigrationContext.configure(connection).get_current_heads()
    if unknown := set(found) - known:
        raise ConfigError(
            f"its tables are of a newer version ({', '.join(sorted(unknown))}); "
            "run the newest Mailwarden that has used it, or name another database"
        )
    command.upgrade(config, "head")
