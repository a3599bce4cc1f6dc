"""The engine's configuration files (pure): who it runs as, and what each of that user's roles may do.

No role has a grant on anything outside the database: FILE, URL, REMOTE, S3 and their like, users and roles, SYSTEM
SHUTDOWN. That binds the administrator too, because nothing of ours needs them. The engine has one user, and a
connection takes the role of its account: what analysts may read is decided by the engine's own access control, not by
this server.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from pipeline.analysts import project_grants, public_grant

ADMINISTRATORS = "administrator"
ANALYSTS = "analyst"
PROJECT_ANALYSTS = "project_analyst"
"""Analysts who see some projects only."""
_ADMINISTRATION = (
    "SHOW, SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, CREATE DICTIONARY, CREATE FUNCTION, "
    "CREATE TEMPORARY TABLE, DROP, DROP FUNCTION, TRUNCATE, OPTIMIZE, CHECK, UNDROP TABLE, KILL QUERY, dictGet, "
    "SYSTEM MERGES, SYSTEM TTL MERGES, SYSTEM FLUSH LOGS, SYSTEM RELOAD DICTIONARY ON *.*"
)


def users_xml(databases: Sequence[str]) -> str:
    """The users configuration; analysts read the public views of `databases`.

    The engine's only user has no password because no network reaches it; a dictionary may name the
    administrator's.
    """
    return f"""<clickhouse>
  <profiles><default/></profiles>
  <quotas><default/></quotas>
  <roles>
    {_role(ADMINISTRATORS, [_ADMINISTRATION])}
    {_role(ANALYSTS, [public_grant(database) for database in databases])}
    {_role(PROJECT_ANALYSTS, [grant for database in databases for grant in project_grants(database)])}
  </roles>
  <users><default>
    <no_password/>
    <networks><ip>::/0</ip></networks>
    <profile>default</profile>
    <quota>default</quota>
    <grants><query>GRANT {ADMINISTRATORS}, {ANALYSTS}, {PROJECT_ANALYSTS}</query></grants>
  </default></users>
</clickhouse>
"""


def _role(name: str, grants: Sequence[str]) -> str:
    queries = "".join(f"<query>GRANT {grant}</query>" for grant in grants)
    return f"<{name}><grants>{queries}</grants></{name}>"


def config_xml(users_path: str) -> str:
    """The main configuration, naming the users file."""
    return f"<clickhouse><users_config>{escape(users_path)}</users_config></clickhouse>\n"
