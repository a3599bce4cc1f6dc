"""What the embedded engine's server reads out of a request, and what it refuses before the engine sees it."""

from __future__ import annotations

import base64
import gzip

import lz4.frame
import pytest
import zstandard

from deploy.embedded.clickhouse.accounts import accounts, authenticate
from deploy.embedded.clickhouse.configuration import config_xml
from deploy.embedded.clickhouse.content import decode, form_fields
from deploy.embedded.clickhouse.failures import Failure, engine_failure, failure
from deploy.embedded.clickhouse.query_request import query_request
from deploy.embedded.clickhouse.refusals import Classification, outside_functions, refuse_change, refuse_multiple
from deploy.embedded.clickhouse.sqltext import Statement, called_names, first_keyword, output_format, split_data

_COMPRESS = {"lz4": lz4.frame.compress, "zstd": zstandard.ZstdCompressor().compress, "gzip": gzip.compress}
_BLOCKS = [bytes([number]) * 70_000 for number in range(5)]


@pytest.mark.parametrize("encoding", _COMPRESS)
def test_all_frames_of_a_body_are_decoded(encoding: str) -> None:
    body = b"".join(_COMPRESS[encoding](block) for block in _BLOCKS)
    assert decode(body, encoding) == b"".join(_BLOCKS)
    assert decode(b"", encoding) == b""


@pytest.mark.parametrize("encoding", _COMPRESS)
def test_a_cut_off_or_foreign_body_is_an_error_and_never_a_shorter_one(encoding: str) -> None:
    body = b"".join(_COMPRESS[encoding](block) for block in _BLOCKS)
    for broken in (body[:-1], body + b"\x00rest", b"plain text"):
        with pytest.raises(Failure, match="CANNOT_DECOMPRESS"):
            decode(broken, encoding)


@pytest.mark.parametrize("encoding", _COMPRESS)
def test_a_body_that_unpacks_to_too_much_is_refused(encoding: str) -> None:
    with pytest.raises(Failure, match="QUERY_IS_TOO_LARGE") as refused:
        decode(_COMPRESS[encoding](bytes(100_000)) * 3, encoding, limit=250_000)
    assert refused.value.status == 413


def test_an_unknown_encoding_is_named() -> None:
    assert decode(b"as it is", "") == decode(b"as it is", "identity") == b"as it is"
    with pytest.raises(Failure, match="Unknown compression method: br"):
        decode(b"", "br")


def test_a_form_gives_its_fields_and_files_are_refused() -> None:
    field = '--b\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n{}\r\n'
    form = field.format("query", "", "SELECT {x:String}") + field.format("param_x", "", "é\\t1") + "--b--\r\n"
    kind = "multipart/form-data; boundary=b"
    assert form_fields(form.encode(), kind) == {"query": "SELECT {x:String}", "param_x": "é\\t1"}
    with pytest.raises(Failure, match="external tables"):
        form_fields((field.format("t", '; filename="t"', "1") + "--b--\r\n").encode(), kind)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"INSERT INTO t (a, b) FORMAT Native\n\x00\xff", ("INSERT INTO t (a, b)", "Native", b"\x00\xff")),
        (b"insert into t format TSV\n\n1", ("insert into t", "TSV", b"\n1")),
        (b"INSERT INTO t FORMAT CSV 1,2", ("INSERT INTO t", "CSV", b"1,2")),
        (b"INSERT INTO t FORMAT CSV;\r\n1", ("INSERT INTO t", "CSV", b"1")),
        (b"INSERT INTO t FORMAT CSV", ("INSERT INTO t", "CSV", b"")),
        (
            "/* é */ INSERT INTO `format` (`select`, \"values\") SETTINGS x = 'FORMAT' FORMAT JSONEachRow\n{}".encode(),
            ("/* é */ INSERT INTO `format` (`select`, \"values\") SETTINGS x = 'FORMAT'", "JSONEachRow", b"{}"),
        ),
    ],
)
def test_data_are_separated_from_the_insert_before_them(text: bytes, expected: tuple[str, str, bytes]) -> None:
    assert split_data(text) == Statement(*expected)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1 FORMAT CSV",
        "INSERT INTO t VALUES ('x FORMAT CSV')",
        "INSERT INTO t SELECT 1 FORMAT CSV",
        "INSERT INTO t WITH 1 AS x SELECT x",
        "INSERT INTO t FROM INFILE 'x' FORMAT CSV",
        "INSERT INTO t FORMAT 'x'",
        "",
    ],
)
def test_statements_without_data_stay_whole(text: str) -> None:
    assert split_data(text.encode()) == Statement(text)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1 FORMAT JSON", "JSON"),
        ("SELECT 1 format JSON; -- FORMAT CSV", "JSON"),
        ("SELECT 1 FORMAT JSON SETTINGS max_threads = 1", "JSON"),
        ("SELECT * FROM (SELECT 1 FORMAT JSON)", None),
        ("SELECT format FROM t", None),
        ("SELECT format x FROM t", None),
        ("SELECT 'FORMAT JSON'", None),
        ("SELECT 1 AS `FORMAT` ORDER BY 1", None),
    ],
)
def test_the_output_format_is_the_statement_s_own_clause(sql: str, expected: str | None) -> None:
    assert output_format(sql) == expected


def test_calls_are_found_by_name_and_quoting_does_not_hide_them() -> None:
    sql = "SELECT Count(), `file` ('x'), \"url\"(1), 'remote(1)', a IN (1) -- s3(1)\n, /* hdfs(1) */ $$ftp(1)$$"
    assert called_names(sql) == {"count", "file", "url", "in"}
    assert first_keyword(" -- x\n ((select 1))") == "SELECT"


def test_new_table_functions_are_refused_until_they_are_known() -> None:
    outside = outside_functions(["numbers", "generateRandom", "urlOfTomorrow"], ["file", "aiGenerate"])
    assert outside == {"urloftomorrow", "file", "aigenerate"}


def test_a_second_statement_is_refused_even_when_it_does_not_parse() -> None:
    refuse_multiple("SELECT ';' ; -- nothing more", Classification("READ_ONLY", 1))
    refuse_multiple("nonsense", Classification("UNKNOWN", 0))
    for sql, count in (("SELECT 1; SELECT 2", 2), ("DROP TABLE t; nonsense", 0)):
        with pytest.raises(Failure, match="Multi-statements"):
            refuse_multiple(sql, Classification("UNKNOWN", count))


def test_the_administrator_changes_by_post_only() -> None:
    administrator = accounts("", "")["default"]
    refuse_change(administrator, "POST", Classification("MUTATING", 1))
    with pytest.raises(Failure, match="GET implies readonly"):
        refuse_change(administrator, "GET", Classification("MUTATING", 1))


def test_parameters_settings_and_transport_are_told_apart() -> None:
    asked = query_request(
        [
            ("query", "SELECT 1"),
            ("param_a", "1"),
            ("max_threads", "2"),
            ("wait_end_of_query", "1"),
            ("session_id", "s"),
        ],
        {"x-clickhouse-database": "d", "x-clickhouse-format": "CSV"},
    )
    assert (asked.query, asked.parameters, asked.settings) == ("SELECT 1", {"a": "1"}, {"max_threads": "2"})
    assert (asked.database, asked.default_format, asked.session_id, asked.whole_result) == ("d", "CSV", "s", True)
    assert query_request([], {}).session_timeout_s == 60


@pytest.mark.parametrize("pair", [("a = 1, b", "1"), ("compress", "1"), ("session_timeout", "²")])
def test_what_cannot_be_honoured_is_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(Failure):
        query_request([pair], {})


def test_credentials_come_from_any_of_the_three_places() -> None:
    known = accounts("admin pass", "reader pass")
    basic = "Basic " + base64.b64encode(b"analyst:reader pass").decode()
    assert authenticate(known, {"authorization": basic}, {}).read_only
    assert not authenticate(known, {"x-clickhouse-key": "admin pass"}, {}).read_only
    assert authenticate(known, {}, {"user": "analyst", "password": "reader pass"}).read_only


@pytest.mark.parametrize(
    ("headers", "parameters"),
    [
        ({}, {}),
        ({"authorization": "Basic ???"}, {}),
        ({"authorization": "Bearer x"}, {}),
        ({"x-clickhouse-user": "nobody"}, {}),
        ({}, {"user": "analyst", "password": "admin pass"}),
    ],
)
def test_wrong_credentials_are_one_and_the_same_error(headers: dict[str, str], parameters: dict[str, str]) -> None:
    with pytest.raises(Failure, match="AUTHENTICATION_FAILED") as refused:
        authenticate(accounts("admin pass", "reader pass"), headers, parameters)
    assert (refused.value.code, refused.value.status) == (516, 403)


def test_without_a_password_there_is_no_analyst() -> None:
    with pytest.raises(Failure):
        authenticate(accounts("", ""), {}, {"user": "analyst", "password": ""})


@pytest.mark.parametrize(
    ("text", "code", "status"),
    [
        ("Streaming query failed: Code: 60. DB::Exception: no (t). (UNKNOWN_TABLE)", 60, 404),
        ("Code: 62. DB::Exception: Syntax error\nline 2. (SYNTAX_ERROR) (version 1.2)", 62, 400),
        ("Code: 241. DB::Exception: much. (MEMORY_LIMIT_EXCEEDED)", 241, 500),
        ("something else", 1001, 500),
    ],
)
def test_the_engine_s_errors_keep_their_code(text: str, code: int, status: int) -> None:
    problem = engine_failure(text)
    assert (problem.code, problem.status) == (code, status)
    assert str(problem).startswith(f"Code: {code}. DB::Exception: ")
    assert str(failure("ACCESS_DENIED", "no")) == "Code: 497. DB::Exception: no (ACCESS_DENIED)"


def test_the_configuration_survives_a_folder_with_xml_in_its_name() -> None:
    assert config_xml("/a&b") == "<clickhouse><users_config>/a&amp;b</users_config></clickhouse>\n"
