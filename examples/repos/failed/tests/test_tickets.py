from accounts.tickets import LIFETIME_S, holder, issue

SIGNER = b"signs tickets in tests"


def test_ticket_names_its_holder():
    assert holder(issue("eve", 1000, SIGNER), 1000, SIGNER) == "eve"


def test_old_ticket_is_refused():
    assert holder(issue("anna", 1000, SIGNER), 1001 + LIFETIME_S, SIGNER) is None


def test_altered_ticket_is_refused():
    assert holder("x" + issue("anna", 1000, SIGNER), 1000, SIGNER) is None
