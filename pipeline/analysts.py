"""What analysts may read and take in ClickHouse: one source for the embedded engine and for the SQL of a server (pure).

They read the public views, whose definer reads the private tables for them. Who sees some projects only is held to them
by a filter on each view: a row policy on a server, the same condition in the embedded engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pipeline.settings import AnalystSettings

ROLE = "analysts"
"""Never the name of a user: where both are there, a server takes the user."""
PUBLIC = "v1_"
"""How the names begin of what analysts may read."""
COLUMN = "project"
"""What the rows of a view are told apart by."""
SHARED = {
    "v1_rubric_weights": "rubrics are nobody's",
    "v1_dict_rubric_weights": "rubrics are nobody's",
    "v1_checkpoints": "what the notary signs is public",
}
"""Without a project, and still for those who are held to some, with the reason."""
_OF_PROJECTS = "analysts_of_projects"
OTHERS = "analysts_others"
"""Policy of everybody who is held to no project."""
LIMITS = ("max_memory_usage", "max_execution_time", "max_threads", "max_result_rows")
"""Settings of the engine that hold one query, and that an analyst may lower."""
BARRIER = {"query_plan_enable_optimizations": 0}
"""For who is held to projects. A plan that is made faster may try a condition of the query on rows before the filter
drops them: what it raises would tell of them. So their conditions come after the filter, and find no index."""
_DISK_TIMES_MEMORY = 8


def limits(settings: AnalystSettings) -> dict[str, int]:
    """The most that each of LIMITS may be."""
    most = (
        settings.clickhouse_analyst_memory_mb * 1024 * 1024,
        settings.clickhouse_analyst_seconds,
        settings.clickhouse_analyst_threads,
        settings.clickhouse_analyst_rows,
    )
    return dict(zip(LIMITS, most, strict=True))


def fixed(settings: AnalystSettings) -> dict[str, int]:
    """Settings of the engine that an analyst cannot even lower: a full disk would stop the writers."""
    memory = settings.clickhouse_analyst_memory_mb * 1024 * 1024
    return {"max_temporary_data_on_disk_size_for_query": _DISK_TIMES_MEMORY * memory}


def public_grant(database: str) -> str:
    """What an analyst of all projects may do, as it stands behind GRANT."""
    return f"SELECT, dictGet ON {database}.{PUBLIC}*"


def project_grants(database: str) -> list[str]:
    """The same for an analyst of some projects: most dictionaries answer for all projects, whoever asks."""
    return [f"SELECT ON {database}.{PUBLIC}*", *_shared_dictionaries(database)]


def _shared_dictionaries(database: str) -> list[str]:
    return [f"dictGet ON {database}.{name}" for name in SHARED if name.startswith(f"{PUBLIC}dict_")]


def condition(projects: Iterable[str]) -> str:
    """The filter of rows: what those see who are held to `projects`."""
    listed = ", ".join(f"'{project}'" for project in projects)
    return f"{COLUMN} IN ({listed})"


def role_of(project: str) -> str:
    """The role of those who see one project only, quoted."""
    return f"`{ROLE}_{project}`"


def server_statements(
    settings: AnalystSettings, database: str, projects: Sequence[str] = (), views: Sequence[str] = ()
) -> list[str]:
    """SQL that makes the roles on a ClickHouse server, for its administrator; taking it twice changes nothing.

    `views` are those that have a project, which the roles of `projects` read and no others. Users are not made.
    """
    roles = [ROLE, *map(role_of, projects)]
    # Policies stand before grants: who is to be held to a project sees nothing until then.
    return [
        *(f"CREATE ROLE IF NOT EXISTS {role}" for role in roles),
        _profile(ROLE, fixed(settings), settings, [ROLE]),
        *([_profile(_OF_PROJECTS, {**fixed(settings), **BARRIER}, settings, roles[1:])] if projects else []),
        _quota(settings, roles),
        *_policies(database, projects, views),
        *(f"REVOKE ALL ON *.* FROM {role}" for role in roles),
        f"GRANT {public_grant(database)} TO {ROLE}",
        *(f"GRANT {grant} TO {role}" for role in roles[1:] for grant in _own_grants(database, views)),
    ]


def _profile(name: str, whole: Mapping[str, int], settings: AnalystSettings, roles: Sequence[str]) -> str:
    # Drivers send limits of their own: lower ones are welcome. The least is 1, because 0 is no limit.
    lowered = [f"{name} = {most} MIN 1 MAX {most} CHANGEABLE_IN_READONLY" for name, most in limits(settings).items()]
    whole = {
        **whole,
        "max_concurrent_queries_for_user": settings.clickhouse_analyst_queries,
        "cancel_http_readonly_queries_on_client_close": 1,
    }
    held = ["readonly = 1", *lowered, *(f"{name} = {value}" for name, value in whole.items())]
    lines = ",\n    ".join(held)
    return f"CREATE SETTINGS PROFILE OR REPLACE {name} SETTINGS\n    {lines}\nTO {', '.join(roles)}"


def _quota(settings: AnalystSettings, roles: Sequence[str]) -> str:
    queries, busy_s = settings.clickhouse_analyst_hourly_queries, settings.clickhouse_analyst_hourly_s
    most = f"queries = {queries}, execution_time = {busy_s}"
    return f"CREATE QUOTA OR REPLACE {ROLE} KEYED BY user_name FOR INTERVAL 1 hour MAX {most}\nTO {', '.join(roles)}"


def _own_grants(database: str, views: Sequence[str]) -> list[str]:
    return [*_shared_dictionaries(database), *(f"SELECT ON {database}.{name}" for name in (*views, *SHARED))]


def _policies(database: str, projects: Sequence[str], views: Sequence[str]) -> list[str]:
    """A view with a policy shows nothing to those whom no policy names; so one names all the others."""
    if not projects:
        return []
    held = ", ".join(map(role_of, projects))
    others = [
        f"CREATE ROW POLICY OR REPLACE {OTHERS} ON {database}.{view} FOR SELECT USING 1 TO ALL EXCEPT {held}"
        for view in views
    ]
    own = [
        f"CREATE ROW POLICY OR REPLACE {role_of(project)} ON {database}.{view}"
        f" FOR SELECT USING {condition([project])} TO {role_of(project)}"
        for project in projects
        for view in views
    ]
    return [*others, *own]
