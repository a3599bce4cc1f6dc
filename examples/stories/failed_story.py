"""Some people are logged out right after logging in: two wrong guesses, and time runs out before the cause is found."""

from examples.stories.telling import Check, Command, Edit, Note, Story

SOUND = (
    "tests/test_login.py::test_user_stays_logged_in[anna]",
    "tests/test_login.py::test_other_cookies_do_not_matter",
    "tests/test_login.py::test_visitor_without_cookie_is_nobody",
    "tests/test_tickets.py::test_ticket_names_its_holder",
    "tests/test_tickets.py::test_old_ticket_is_refused",
    "tests/test_tickets.py::test_altered_ticket_is_refused",
)
BROKEN = {
    "tests/test_login.py::test_user_stays_logged_in[boris]": "AssertionError: assert None == 'boris'",
    "tests/test_login.py::test_user_stays_logged_in[eve]": "AssertionError: assert None == 'eve'",
}

STORY = Story(
    name="failed",
    participant="dev-grace",
    consent="research",
    title="Some users are logged out right after logging in",
    description=(
        "Boris and Eve log in, and the next page greets them as visitors. Anna never had the problem. "
        "It happens on every attempt, for the same people."
    ),
    repo_origin="https://git.example.com/accounts.git",
    chunks=(
        (
            Note(
                at=0.0,
                name="plan",
                plan="Reproduce it with the tests, then look at the expiry of tickets first: it is what ends a login.",
            ),
            Command(
                at=8.0,
                because=("plan",),
                run="grep -rnE 'expires|LIFETIME' accounts/*.py",
                output="""\
accounts/tickets.py:7:LIFETIME_S = 900
accounts/tickets.py:15:    \"\"\"A ticket for `user`, good for LIFETIME_S seconds after `now`.\"\"\"
accounts/tickets.py:16:    body = base64.urlsafe_b64encode(f"{user}:{now + LIFETIME_S}".encode()).decode()
accounts/tickets.py:25:    user, _, expires = base64.urlsafe_b64decode(body).decode().rpartition(":")
accounts/tickets.py:26:    return user if now < int(expires) else None
""",
            ),
            Check(at=19.0, name="red", because=("plan",), passed=SOUND, failed=BROKEN),
            Note(
                at=31.0,
                name="expiry",
                because=("red",),
                observation="Anna stays logged in, Boris and Eve do not, with the same clock and the same signer.",
                hypothesis="The comparison with the expiry is too strict, and some tickets count as old at once.",
            ),
            Command(
                at=40.0,
                because=("expiry",),
                run="sed -n '20,26p' accounts/tickets.py",
                output="""\
def holder(ticket: str, now: int, signer: bytes) -> str | None:
    \"\"\"Whom the ticket was issued to, or None if it was altered or is too old.\"\"\"
    body, _, signature = ticket.partition(".")
    if not hmac.compare_digest(signature, _sign(body, signer)):
        return None
    user, _, expires = base64.urlsafe_b64decode(body).decode().rpartition(":")
    return user if now < int(expires) else None
""",
            ),
        ),
        (
            Edit(
                at=56.0,
                name="looser expiry",
                because=("expiry",),
                path="accounts/tickets.py",
                changes=(("if now < int(expires)", "if now <= int(expires)"),),
            ),
            Check(at=65.0, name="still red", because=("looser expiry",), passed=SOUND, failed=BROKEN),
            Note(
                at=74.0,
                name="not expiry",
                because=("still red",),
                observation="No difference. In hindsight expected: the tests ask 60 s after a login that lasts 900 s.",
            ),
            Command(
                at=86.0,
                name="tickets alone",
                because=("not expiry",),
                run="python -c 'from accounts.tickets import holder, issue\n"
                'print([holder(issue(user, 0, b"s"), 1, b"s") for user in ("anna", "boris", "eve")])\'',
                output="['anna', 'boris', 'eve']\n",
            ),
            Note(
                at=96.0,
                name="names",
                because=("tickets alone",),
                observation="Tickets by themselves work for all three.",
                hypothesis="log_in() and the rest disagree about a name: it strips blanks but leaves the case alone.",
            ),
            Edit(
                at=109.0,
                name="fold names",
                because=("names",),
                path="accounts/login.py",
                changes=(("issue(user.strip(), now", "issue(user.strip().casefold(), now"),),
            ),
        ),
        (
            Check(at=118.0, name="red again", because=("fold names",), passed=SOUND, failed=BROKEN),
            Note(
                at=126.0,
                name="not names",
                because=("red again",),
                observation="Same two failures. The names in the tests are lower case anyway, so this could not help.",
            ),
            Command(
                at=134.0,
                name="whole way",
                because=("not names",),
                run="python -c 'from accounts.login import current_user, log_in\n"
                "now = 1700000000\n"
                'print([current_user(log_in(user, now, b"s"), now, b"s") for user in ("anna", "boris", "eve")])\'',
                output="['anna', None, None]\n",
            ),
            Command(
                at=142.0,
                because=("whole way",),
                run="git diff --stat",
                output=" accounts/login.py   | 2 +-\n accounts/tickets.py | 2 +-\n"
                " 2 files changed, 2 insertions(+), 2 deletions(-)\n",
            ),
            Note(
                at=150.0,
                because=("whole way", "tickets alone"),
                decision="Out of time; nothing is committed, since neither change made a test pass.",
                next_step="Tickets are fine and the whole way is not: what is between them, the parsing of the cookie "
                "header, is what nobody has looked at yet.",
            ),
        ),
    ),
)
