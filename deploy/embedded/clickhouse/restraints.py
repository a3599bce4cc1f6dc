"""What holds an analyst's connection beside its role: limits, and filters that the engine puts on every read (pure).

The engine checks no grant for reading `system`, and its one user would see what others run there: a filter that raises
stands on each table of `system` that is not listed as harmless, and on each view that cannot be held to projects. A
filter holds wherever the table is read, under any name, and nothing can be changed once the connection is read-only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from deploy.embedded.clickhouse.accounts import Account
from deploy.embedded.clickhouse.configuration import ANALYSTS, PROJECT_ANALYSTS
from deploy.embedded.clickhouse.failures import Failure, failure
from deploy.embedded.clickhouse.sqltext import quoted
from pipeline.analysts import BARRIER, LIMITS, SHARED, condition, fixed, limits
from pipeline.settings import AnalystSettings

# What drivers and tools look at to find their way. Of databases, tables, columns, dictionaries and parts the engine
# shows what the role may see; the rest says nothing of the data or of other users.
HARMLESS = frozenset(
    (
        "aggregate_function_combinators",
        "codecs",
        "collations",
        "columns",
        "completions",
        "current_roles",
        "data_type_families",
        "database_engines",
        "databases",
        "dictionaries",
        "documentation",
        "enabled_roles",
        "formats",
        "functions",
        "keywords",
        "licenses",
        "numbers",
        "numbers_mt",
        "one",
        "parts",
        "primes",
        "privileges",
        "settings",
        "table_engines",
        "table_functions",
        "tables",
        "time_zones",
        "unicode",
        "zeros",
        "zeros_mt",
    )
)
_REFUSED = "this user may not read"
_REFUSAL = re.compile(rf"{_REFUSED} (?P<what>[^']*?): while executing")
_THROWN, _DENIED = 395, 497
_ENGINE_USER = "default: "
# The threads of analysts run when no other wants to: measured, inserts beside them take as long as without them.
_NICE = {"os_threads_nice_value_query": "19"}
_LEAST = 1


@dataclass(frozen=True)
class Restraint:
    """What a connection is held by, in this order: settings, role, read-only."""

    role: str
    settings: Mapping[str, str]


@dataclass(frozen=True)
class Relation:
    """A view or dictionary that may be read. `of_projects`: its rows are told apart by project, as far as known."""

    name: str
    of_projects: bool


def restraint(
    account: Account,
    most: AnalystSettings,
    asked: Mapping[str, str],
    system_tables: Iterable[str],
    relations: Iterable[Relation],
) -> Restraint:
    """How `account` is held; `asked` are the settings of its request that lower a limit.

    `relations` are the public ones, with their databases. Raises Failure (452) for a higher limit.
    """
    barrier = BARRIER if account.projects else {}
    held = {name: str(value) for name, value in {**limits(most), **fixed(most), **barrier}.items()}
    filters = {f"system.{name}": _refusing(f"system.{name}") for name in system_tables if name not in HARMLESS}
    if account.projects:
        filters |= {
            relation.name: condition(account.projects)
            if relation.of_projects
            else _refusing(f"{relation.name}, which is not told apart by project")
            for relation in relations
            if relation.name.partition(".")[2] not in SHARED
        }
    role = PROJECT_ANALYSTS if account.projects else ANALYSTS
    return Restraint(role, {**held, **_NICE, **lowered(most, asked), "additional_table_filters": _map(filters)})


def lowered(most: AnalystSettings, asked: Mapping[str, str]) -> dict[str, str]:
    """Those of `asked` that are limits of an analyst and a whole number; drivers send some unasked."""
    highest = limits(most)
    rest = beyond_limits(asked)
    numbers = {name: int(value) for name, value in asked.items() if name not in rest}
    for name, value in numbers.items():
        if not _LEAST <= value <= highest[name]:
            raise failure(
                "SETTING_CONSTRAINT_VIOLATION", f"Setting {name} should be between {_LEAST} and {highest[name]}"
            )
    return {name: str(value) for name, value in numbers.items()}


def beyond_limits(asked: Mapping[str, str]) -> dict[str, str]:
    """The rest of `asked`: what the engine refuses on a read-only connection."""
    return {name: value for name, value in asked.items() if name not in LIMITS or not value.isdecimal()}


def explained(account: Account, problem: Failure) -> Failure:
    """The same failure with the name of the account, or the refusal that the engine raised while it read."""
    text = str(problem)
    if not account.read_only:
        return problem
    if problem.code == _THROWN and (refused := _REFUSAL.search(text)):
        why = f"{account.name}: Not enough privileges. This user may not read {refused['what']}."
        return failure("ACCESS_DENIED", why)
    if problem.code == _DENIED:
        return Failure(problem.code, problem.status, text.replace(_ENGINE_USER, f"{account.name}: ", 1))
    return problem


def _refusing(what: str) -> str:
    return f"throwIf(1, '{_REFUSED} {what}')"


def _map(filters: Mapping[str, str]) -> str:
    """A Map of strings as the engine writes it."""
    pairs = (f"{quoted(name)}:{quoted(text)}" for name, text in filters.items())
    return "{" + ",".join(pairs) + "}"
