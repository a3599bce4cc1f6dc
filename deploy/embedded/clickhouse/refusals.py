"""Decides which statements are refused before the engine runs them (pure).

`readonly=1` is no sandbox inside chDB: INTO OUTFILE, the `file` scalar, DESCRIBE of a table function, `Python()` and
KILL get through it. So the analyst's statement must be read-only in the engine's own classification and may call no
function that reaches out of the database. Allowed table functions are listed, so that a new one of a later engine is
refused until somebody has looked at it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from deploy.embedded.clickhouse.accounts import Account
from deploy.embedded.clickhouse.failures import failure
from deploy.embedded.clickhouse.sqltext import called_names, has_second_statement

SAFE_TABLE_FUNCTIONS = frozenset(
    (
        "dictionary",
        "format",
        "generate_series",
        "generaterandom",
        "generateseries",
        "null",
        "numbers",
        "numbers_mt",
        "primes",
        "values",
        "view",
        "viewexplain",
        "viewifpermitted",
        "zeros",
        "zeros_mt",
    )
)
READ_ONLY = "READ_ONLY"


@dataclass(frozen=True)
class Classification:
    """The engine's view of a text: class of its most restricted statement, number of statements (0: does not parse)."""

    name: str
    statements: int


def outside_functions(table_functions: Iterable[str], file_and_model_functions: Iterable[str]) -> frozenset[str]:
    """Lower-case names the analyst may not call, from the engine's lists of table functions and scalar functions."""
    reaching = {name.lower() for name in table_functions} - SAFE_TABLE_FUNCTIONS
    return frozenset(reaching | {name.lower() for name in file_and_model_functions})


def refuse_multiple(sql: str, classification: Classification) -> None:
    """Raises Failure when the text holds more than one statement, also where the second does not parse."""
    if classification.statements > 1 or (classification.statements == 0 and has_second_statement(sql)):
        raise failure("SYNTAX_ERROR", "Syntax error (Multi-statements are not allowed)")


def refuse_change(account: Account, method: str, classification: Classification) -> None:
    """Raises Failure for anything but reading by the analyst, or by GET (as a real server: GET implies read-only)."""
    if classification.name == READ_ONLY:
        return
    if account.read_only:
        raise failure("ACCESS_DENIED", f"{account.name}: Not enough privileges. This user may only read.")
    if method != "POST":
        raise failure(
            "READONLY",
            "Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly. "
            "You should use method POST for modifying queries.",
        )


def refuse_outside(account: Account, canonical_sql: str, outside: frozenset[str]) -> None:
    """Raises Failure when the analyst calls a function of `outside`.

    `canonical_sql` is the statement as the engine's own formatter writes it: no comments, one way of quoting, so that
    this module and the engine cannot disagree about what is a call.
    """
    names = called_names(canonical_sql)
    forbidden = names & outside | {name for name in names if "\\" in name}
    if account.read_only and forbidden:
        raise failure(
            "ACCESS_DENIED",
            f"{account.name}: Not enough privileges. This user may not call {', '.join(sorted(forbidden))}.",
        )
