"""Keys open by their hash only; what cannot be read opens nothing and revokes all the same."""

import pytest

from pipeline.access import (
    KEY,
    apply_key,
    apply_revocation,
    fingerprint,
    key_record,
    key_topic_key,
    new_key,
    new_key_id,
    revocation_topic_key,
)
from schemas.codec import encode
from schemas.records import ApiKeyRecorded, ProjectPolicy

ID = "0123456789ab"
TOKEN = new_key(ID, b"\x07" * 32)
RECORD = ApiKeyRecorded(
    key_id=ID, project="alpha", role="reader", key_hash=fingerprint(TOKEN), revoked=False, recorded_at_us=1
)


def test_a_key_says_its_id_and_nothing_of_it_is_recorded_but_its_hash() -> None:
    made = new_key(new_key_id())
    assert KEY.fullmatch(made)
    assert made != new_key(made.split("_")[1])
    assert TOKEN.split("_")[2] not in repr(RECORD)
    assert encode(RECORD).find(TOKEN.split("_")[2].encode()) == -1


@pytest.mark.parametrize(
    "shown", ["", ID, TOKEN.upper(), TOKEN[:-1] + "0", TOKEN + "0", new_key("ba9876543210", b"\x07" * 32), "é\ud800"]
)
def test_only_the_whole_key_opens(shown: str) -> None:
    assert key_record(TOKEN, {ID: RECORD}) == RECORD
    assert key_record(shown, {ID: RECORD}) is None


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"\xc3\x01 damaged",
        encode(ProjectPolicy(project="a", consent="ask", recorded_by="o", recorded_at_us=1)),
        encode(ApiKeyRecorded(key_id="x", project="*", role="operator", key_hash="", revoked=False, recorded_at_us=1)),
    ],
)
def test_a_record_that_is_not_this_keys_closes_it(value: bytes | None) -> None:
    keys = {ID: RECORD}
    apply_key(keys, b"policy/alpha", value)
    assert keys == {ID: RECORD}
    apply_key(keys, key_topic_key(ID), value)
    assert keys == {}


def test_a_revocation_holds_until_a_tombstone() -> None:
    revoked: set[tuple[str, str]] = set()
    apply_revocation(revoked, revocation_topic_key("key", "jwt/ann"), b"damaged")
    apply_revocation(revoked, None, b"")
    assert revoked == {("key", "jwt/ann")}
    apply_revocation(revoked, revocation_topic_key("key", "jwt/ann"), None)
    assert revoked == set()
