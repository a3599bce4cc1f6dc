"""The engine's configuration files (pure): who it runs as and what that user may not do at all.

The engine's one user has no grant on anything outside the database: FILE, URL, REMOTE, S3 and their like, users and
roles, SYSTEM SHUTDOWN. That binds the administrator too, because nothing of ours needs them.
"""

from __future__ import annotations

from xml.sax.saxutils import escape

_GRANTS = (
    "SHOW, SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, CREATE DICTIONARY, CREATE FUNCTION, "
    "CREATE TEMPORARY TABLE, DROP, DROP FUNCTION, TRUNCATE, OPTIMIZE, CHECK, UNDROP TABLE, KILL QUERY, dictGet, "
    "SYSTEM MERGES, SYSTEM TTL MERGES, SYSTEM FLUSH LOGS, SYSTEM RELOAD DICTIONARY"
)


def users_xml() -> str:
    """The users configuration: the engine's only user, of whom no password is asked because no network reaches it; a
    dictionary may name the administrator's."""
    return f"""<clickhouse>
  <profiles><default/></profiles>
  <quotas><default/></quotas>
  <users><default>
    <no_password/>
    <networks><ip>::/0</ip></networks>
    <profile>default</profile>
    <quota>default</quota>
    <grants><query>GRANT {_GRANTS} ON *.*</query></grants>
  </default></users>
</clickhouse>
"""


def config_xml(users_path: str) -> str:
    """The main configuration, naming the users file."""
    return f"<clickhouse><users_config>{escape(users_path)}</users_config></clickhouse>\n"
