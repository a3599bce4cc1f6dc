"""Scripts are split at the semicolons that end a statement, and at no other."""

import pytest

from sinks.statements import split


@pytest.mark.parametrize(
    ("script", "statements"),
    [
        ("", []),
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 1;\nSELECT 2;\n", ["SELECT 1", "SELECT 2"]),
        ("SELECT ';';SELECT 2", ["SELECT ';'", "SELECT 2"]),
        (r"SELECT 'it\'s; one'; SELECT 2", [r"SELECT 'it\'s; one'", "SELECT 2"]),
        ("SELECT 'it''s; one'; SELECT 2", ["SELECT 'it''s; one'", "SELECT 2"]),
        ('SELECT `a;b`, "c;d"; SELECT 2', ['SELECT `a;b`, "c;d"', "SELECT 2"]),
        ("-- one; two's\nSELECT 1; SELECT 2", ["-- one; two's\nSELECT 1", "SELECT 2"]),
        ("SELECT 1 /* it's; */; SELECT 2", ["SELECT 1 /* it's; */", "SELECT 2"]),
        ("SELECT '-- no comment;'; SELECT 2", ["SELECT '-- no comment;'", "SELECT 2"]),
        (";; -- nothing\n; /* nothing */", []),
    ],
)
def test_split(script: str, statements: list[str]) -> None:
    assert split(script) == statements
