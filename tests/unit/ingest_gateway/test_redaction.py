"""Secrets go, wherever in an event they are; ordinary code stays; equal secrets stay linkable."""

import base64
import gzip
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_gateway.redaction import Redactor, Rule, rules
from pipeline.redacted import PLACEHOLDER
from tests.support.data import REAL_SESSIONS, shared_data

KEY = b"key of the tests"
TOKEN = "gh" + "p_16C7e42F292c6912E7710c838347Ae178B4a"


def redacted(text: str) -> tuple[str, Counter[str]]:
    redactor = Redactor(KEY)
    return redactor.text(text), redactor.counts


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.id)
def test_each_rule_finds_its_example_and_leaves_its_own_placeholder(rule: Rule) -> None:
    clean, counts = redacted(f"before\n{rule.example}\nafter")
    assert rule.id in counts
    assert clean.startswith("before\n")
    assert clean.endswith("\nafter")
    assert redacted(clean) == (clean, Counter())


@pytest.mark.parametrize("before", ["\\n", "\\t", "\x1b[0m", "%3D"])
@pytest.mark.parametrize("text", [TOKEN, "AK" + "IAQWERTYUIOP234567", "sk-" + "ant-api03-Zx81vQ0pLm3nB7cK9dRt"])
def test_a_secret_may_follow_an_escape(text: str, before: str) -> None:
    assert text not in redacted(f"a{before}{text}")[0]
    assert redacted(f"a{text}") == (f"a{text}", Counter())


@pytest.mark.parametrize(
    "text",
    [
        '{\\n  \\"pass' + 'word\\": \\"hunter22\\"\\n}',
        "pass" + "word=hunter22\\nuser=bob",
        "user=bob\\nDB_PASS" + "WORD=hunter22",
        "\x1b[32mPASS" + "WORD=hunter22\x1b[0m",
    ],
)
def test_text_in_json_in_text_is_read_too(text: str) -> None:
    assert "hunter22" not in redacted(text)[0]


@pytest.mark.parametrize(
    "code",
    [
        "password = get_password()",
        "def login(token: str, password: Optional[str] = None) -> Token:",
        "client = Client(token=token, password=password)",
        "password=self.config.password2",
        'parser.add_argument("--password", help="the password to use")',
        'assert response.json()["token"] == "token"',
        "export TOKEN=$GITHUB_TOKEN",
        "TOKEN=${{ secrets.TOKEN }}",
        "password: <your password here>",
        "secret_key = os.environ['SECRET_KEY']",
        "for token in tokenize(source): yield token",
        "https://example.com/a/b?page=2&sort=key",
        "see http://user@example.com:8080/path",
        "+    key = lambda item: item.token_id",
        "gh" + "p_" + "x" * 36,
        "sha256:" + "0123456789abcdef" * 4,
        "commit 4a22a0b6e1d1c9f8e7d6c5b4a3928170f6e5d4c3",
        "AssertionError: passwords differ",
        "Authorization: Bearer <token>",
    ],
)
def test_ordinary_code_stays(code: str) -> None:
    assert redacted(code) == (code, Counter())


@pytest.mark.parametrize(
    ("text", "kept", "rule"),
    [
        ("password = 'hunt" + "er22'", "password = '", "assignment"),
        ("pass" + "word=hun" + "ter2\n", "password=", "assignment"),
        ('{"api_key": "a1b2' + 'c3d4e5"}', '{"api_key": "', "assignment"),
        ("DB_PASS" + "WORD=correcthorse\n", "DB_PASSWORD=", "environment-secret"),
        ("git clone https://bob:hun" + "ter2@example.com/x.git", "git clone https://bob:", "url-credentials"),
        ("-H 'Authorization: Basic Ym9iOm" + "h1bnRlcjI='", "-H 'Authorization: Basic ", "authorization-header"),
        ("curl -u bob:hun" + "ter2 https://example.com", "curl -u bob:", "curl-user"),
    ],
)
def test_only_the_value_of_an_assignment_goes(text: str, kept: str, rule: str) -> None:
    clean, counts = redacted(text)
    assert clean.startswith(f"{kept}[REDACTED:{rule}:")
    assert counts == {rule: 1}


def test_equal_secrets_are_linkable_in_a_project_and_not_across() -> None:
    clean, counts = redacted(f"a {TOKEN} b {TOKEN}")
    assert len(set(PLACEHOLDER.findall(clean))) == 1
    assert counts == {"github-token": 2}
    assert Redactor(b"another project").text(TOKEN) != redacted(TOKEN)[0]


def test_a_private_key_in_a_diff_keeps_its_lines() -> None:
    lines = ["-----BEGIN RSA PRIV" + "ATE KEY-----", "MIIEpAIBAAKCAQEA1c7+9z5Pad7OejecsQ0bu3a", "Zx81vQ0pLm3nB7cK9dRt"]
    diff = "@@ -0,0 +1,5 @@\n" + "".join(
        f"+{line}\n" for line in [*lines, "-----END RSA PRIV" + "ATE KEY-----", "rest"]
    )
    clean, counts = redacted(diff)
    assert counts == {"private-key": 1}
    assert [line[:11] for line in clean.splitlines()[1:5]] == ["+[REDACTED:"] * 4
    assert clean.endswith("]\n+rest\n")
    truncated, _ = redacted("\n".join([lines[0], lines[1] * 2, lines[2]]))
    assert "MIIE" not in truncated


def test_every_text_of_an_event_is_read_and_nothing_else_is_touched() -> None:
    identity = {"seq": 3, "type": "test_run", "report_ref": TOKEN}
    texts = {"id": TOKEN, "caused_by": [TOKEN], "command": f"curl {TOKEN}", "output": TOKEN, "framework": TOKEN}
    results = [{"id": f"test_a[{TOKEN}]", "status": "failed", "duration_us": 5, "message": TOKEN}]
    redactor = Redactor(KEY)
    [clean] = redactor.events([{**identity, **texts, "results": results}])
    assert {name: clean[name] for name in identity} == identity
    assert TOKEN not in json.dumps([clean[name] for name in (*texts, "results")])
    assert clean["results"][0]["status"] == "failed"
    assert clean["caused_by"] == [clean["id"]]
    assert redactor.counts == {"github-token": 7}


def test_events_without_secrets_come_back_as_they_were() -> None:
    events = [{"id": "e0", "seq": 0, "type": "cmd_run", "command": "ls", "output": "a\nb"}]
    assert Redactor(KEY).events(events) == events


@pytest.mark.parametrize("odd", ["é".encode(), b"\xff\x00\xfe"])
def test_one_odd_byte_in_a_file_hides_nothing(odd: bytes) -> None:
    clean = Redactor(KEY).file(odd + b" " + TOKEN.encode() + b" " + odd)
    assert TOKEN.encode() not in clean
    assert clean.startswith(odd + b" [REDACTED:github-token:")
    assert clean.endswith(b"] " + odd)


@given(st.text(max_size=300))
def test_redacting_twice_is_redacting_once(text: str) -> None:
    clean, _ = redacted(f"{text} password='hunt" + f"er22' {text}")
    assert redacted(clean) == (clean, Counter())


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece",
    [
        "-----BEGIN PRIV" + "ATE KEY-----",
        "eyJ-",
        "://",
        "curl ",
        "password=",
        "aws",
        "key=1",
        "glpat-a ",
        "s.",
        "M" * 30,
    ],
)
def test_hostile_repetition_takes_no_more_than_linear_time(piece: str) -> None:
    redacted(piece * (300_000 // len(piece)))


def _labelled(corpus: str) -> list[dict[str, str]]:
    packed = (shared_data("secrets") / f"{corpus}.jsonl.base64").read_bytes()
    return [json.loads(line) for line in base64.b64decode(packed).splitlines() if line.strip()]


@pytest.mark.parametrize(("corpus", "recall"), [("gitleaks", 0.9), ("detect-secrets", 0.8)])
def test_recall_on_the_labelled_corpora(corpus: str, recall: float) -> None:
    positive = [row["text"] for row in _labelled(corpus) if row["label"] == "positive"]
    missed = [text for text in positive if not redacted(text)[1]]
    assert 1 - len(missed) / len(positive) >= recall, missed


@pytest.mark.parametrize(("corpus", "share"), [("gitleaks", 0.25), ("detect-secrets", 0.25)])
def test_false_positives_on_the_labelled_corpora(corpus: str, share: float) -> None:
    negative = [row["text"] for row in _labelled(corpus) if row["label"] == "negative"]
    found = [text for text in negative if redacted(text)[1]]
    assert len(found) / len(negative) <= share, found


def test_real_sessions_hold_no_secrets() -> None:
    sessions = REAL_SESSIONS or tuple(Path(shared_data("trajectories/mini-swe-agent")).glob("*.traj.json.gz"))[:3]
    for session in sessions[:3]:
        for message in json.loads(gzip.decompress(session.read_bytes()))["messages"]:
            assert not redacted(str(message.get("content")))[1]
