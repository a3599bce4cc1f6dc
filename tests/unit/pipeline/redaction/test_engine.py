"""Secrets go whatever is around them; code stays; equal secrets stay linkable; hostile text costs linear time."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.redacted import PLACEHOLDER
from pipeline.redaction.engine import redact
from pipeline.redaction.rules import Rule, candidates, personal_rules, rules
from tests.support.secrets import labelled, session_texts

KEY = b"key of the tests"
TOKEN = "gh" + "p_16C7e42F292c6912E7710c838347Ae178B4a"
BEGIN, END = "-----BEGIN RSA PRIV" + "ATE KEY-----", "-----END RSA PRIV" + "ATE KEY-----"
BODY = ["MIIEpAIBAAKCAQEA1c7+9z5Pad7OejecsQ0bu3a", "Zx81vQ0pLm3nB7cK9dRt"]


def redacted(text: str, personal: frozenset[str] = frozenset()) -> tuple[str, Counter[str]]:
    counts: Counter[str] = Counter()
    return redact(text.encode(), KEY, counts, personal).decode(), counts


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: f"{rule.order}-{rule.id}")
def test_each_rule_finds_its_example_and_leaves_its_own_placeholder(rule: Rule) -> None:
    assert rule.pattern.search(rule.example.encode())
    clean, counts = redacted(f"before\n{rule.example}\nafter", personal_rules())
    assert rule.id in counts
    assert clean.startswith("before\n")
    assert clean.endswith("\nafter")
    assert redacted(clean, personal_rules()) == (clean, Counter())


@pytest.mark.parametrize("before", ["\\n", "\\t", "\x1b[0m", "%3D"])
@pytest.mark.parametrize("text", [TOKEN, "AK" + "IAQWERTYUIOP234567", "gl" + "pat-Zx81vQ0pLm3nB7cK9dRt"])
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
        "pass" + "word=hunter2\n",
    ],
)
def test_text_in_json_in_text_is_read_too(text: str) -> None:
    assert "hunter2" not in redacted(text)[0]


def test_personal_data_go_only_where_asked_for() -> None:
    text = "jane@laptop:~/a$ cat /home/jane/a.py C:\\Users\\jane\\a.py # jane.doe@example.org USER=jane"
    assert redacted(text) == (text, Counter())
    assert redacted(text, frozenset({"home-path"}))[1] == {"home-path": 2}
    clean, counts = redacted(text, personal_rules())
    assert counts == {"home-path": 2, "email": 1, "user-name": 2}
    assert "jane" not in clean


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
        "token: <your-token>",
        "api_key = 'your-api-key-1'",
        "password: changeme123",
        'secret_key = "xxxxxxxx1"',
        'SECRET_KEY = os.environ["SECRET_KEY_2"]',
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
        'curl -u "$USER:$PASSWORD" https://example.com',
    ],
)
def test_ordinary_code_stays(code: str) -> None:
    assert redacted(code) == (code, Counter())


@pytest.mark.parametrize(
    ("text", "kept", "rule"),
    [
        ("password = 'hunt" + "er22'", "password = '", "assignment"),
        ('{"api_key": "a1b2' + 'c3d4e5"}', '{"api_key": "', "assignment"),
        ('{"body": "{\\"api_key\\": \\"a1b2' + 'c3d4e5\\"}"}', '{"body": "{\\"api_key\\": \\"', "assignment"),
        ('token: str = "a1b2' + 'c3d4e5"', 'token: str = "', "assignment"),
        ('token: key = "a1b2' + 'c3d4e5"\napi_key = "f6g7' + 'h8i9"', 'token: key = "', "assignment"),
        ("+    db_pwd: pässw" + "örd99 ", "+    db_pwd: ", "assignment"),
        ("DB_PASS" + "WORD=correcthorse\n", "DB_PASSWORD=", "environment-secret"),
        ("git clone https://bob:hun" + "ter2@example.com/x.git", "git clone https://bob:", "url-credentials"),
        ("-H 'Authorization: Basic Ym9iOm" + "h1bnRlcjI='", "-H 'Authorization: Basic ", "authorization-header"),
        ("curl -u bob:hun" + "ter2 https://example.com", "curl -u bob:", "curl-user"),
        ("curl https://example.com \\\n  -u bob:hun" + "ter2", "curl https://example.com \\\n  -u bob:", "curl-user"),
    ],
)
def test_only_the_value_goes(text: str, kept: str, rule: str) -> None:
    clean, counts = redacted(text)
    assert clean.startswith(f"{kept}[REDACTED:{rule}:")
    assert set(counts) == {rule}


def test_every_rule_is_tried_where_the_automaton_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    class GivesUp:
        def Match(self, text: bytes) -> None:
            return None

    monkeypatch.setattr("pipeline.redaction.rules._gate", lambda: (GivesUp(), []))
    assert tuple(candidates(b"", personal_rules())) == rules()
    assert redacted(TOKEN)[1] == {"github-token": 1}


def test_equal_secrets_are_linkable_under_one_key_only() -> None:
    clean, counts = redacted(f"a {TOKEN} b {TOKEN}")
    assert len(set(PLACEHOLDER.findall(clean))) == 1
    assert counts == {"github-token": 2}
    assert redact(TOKEN.encode(), b"another project", Counter()).decode() != redacted(TOKEN)[0]


@pytest.mark.parametrize("mark", ["+", "-", " "])
def test_a_private_key_in_a_diff_keeps_its_lines(mark: str) -> None:
    diff = "@@ -0,0 +1,5 @@\n" + "".join(f"{mark}{line}\n" for line in [BEGIN, *BODY, END, "rest"])
    clean, counts = redacted(diff)
    assert counts == {"private-key": 1}
    assert [line[:11] for line in clean.splitlines()[1:5]] == [f"{mark}[REDACTED:"] * 4
    assert clean.endswith(f"]\n{mark}rest\n")


@pytest.mark.parametrize("joint", ["\n", "\\n", "\\\\n"])
def test_a_private_key_in_a_string_or_cut_short_goes(joint: str) -> None:
    for lines in ([BEGIN, *BODY, END], [BEGIN, BODY[0] * 2, BODY[1]]):
        assert "MIIE" not in redacted(f'"key": "{joint.join(lines)}"')[0]


def test_where_two_rules_meet_the_upper_one_names_all_of_it() -> None:
    clean, counts = redacted(f"password = '{TOKEN}-and-more'")
    assert counts == {"github-token": 1}
    assert PLACEHOLDER.fullmatch(clean.removeprefix("password = '").removesuffix("'"))


@given(st.text(max_size=300))
def test_redacting_twice_is_redacting_once(text: str) -> None:
    clean, _ = redacted(f"{text} password='hunt" + f"er22' {text} {TOKEN}{text}")
    assert redacted(clean) == (clean, Counter())


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece",
    [
        *(
            BEGIN,
            "eyJaaaaaaaaaa.",
            "://",
            "://a:",
            "curl -u ",
            "curl \\\n",
            "password=",
            "token='",
            "password=passworda=",
        ),
        *("aws", "key=1", "authorization: ", "M" * 30, "\\", "[REDACTED:a:01234567] token='a1b2c3d4' "),
    ],
)
def test_hostile_repetition_takes_no_more_than_linear_time(piece: str) -> None:
    redacted(piece * (300_000 // len(piece)))


@pytest.mark.parametrize(("corpus", "recall"), [("gitleaks", 0.98), ("detect-secrets", 0.87)])
def test_recall_on_the_labelled_corpora(corpus: str, recall: float) -> None:
    positive = [row["text"] for row in labelled(corpus) if row["label"] == "positive"]
    missed = [text for text in positive if not redacted(text)[1]]
    assert 1 - len(missed) / len(positive) >= recall, missed


@pytest.mark.parametrize(("corpus", "share"), [("gitleaks", 0.125), ("detect-secrets", 0.1)])
def test_false_positives_on_the_labelled_corpora(corpus: str, share: float) -> None:
    negative = [row["text"] for row in labelled(corpus) if row["label"] == "negative"]
    found = [text for text in negative if redacted(text)[1]]
    assert len(found) / len(negative) <= share, found


def test_real_sessions_hold_no_secrets() -> None:
    assert [text[:80] for text in session_texts() if redacted(text)[1]] == []
