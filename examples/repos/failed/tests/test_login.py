import pytest

from accounts.login import current_user, log_in

NOW = 1_700_000_000
SIGNER = b"signs tickets in tests"


@pytest.mark.parametrize("user", ["anna", "boris", "eve"])
def test_user_stays_logged_in(user):
    assert current_user(log_in(user, NOW, SIGNER), NOW + 60, SIGNER) == user


def test_other_cookies_do_not_matter():
    header = f"theme=dark; {log_in('anna', NOW, SIGNER)}; lang=en"
    assert current_user(header, NOW + 60, SIGNER) == "anna"


def test_visitor_without_cookie_is_nobody():
    assert current_user("theme=dark", NOW, SIGNER) is None
