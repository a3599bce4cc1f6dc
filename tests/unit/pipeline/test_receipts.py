"""A receipt is proven by its own key and nothing less; what is wrong is said."""

from typing import Any

import pytest

from ingest_gateway.receipts import Signer
from pipeline.receipts import BadKeys, check, key_id, read_keys
from schemas.records import EventsAppended
from tests.support.finished import EXAMPLES

CURRENT, OLD = Signer(b"\x01" * 32, [Signer(b"\x02" * 32).public_key]), Signer(b"\x02" * 32)
KEYS = read_keys(CURRENT.published)


def receipt(signer: Signer = CURRENT) -> dict[str, Any]:
    chunk = EXAMPLES["EventsAppended"]
    assert isinstance(chunk, EventsAppended)
    return {**signer.receipt(chunk, 2, 41), "events": 3, "late": False}


def test_current_and_retired_keys_prove_their_receipts() -> None:
    assert [key["status"] for key in CURRENT.published["keys"]] == ["current", "retired"]
    for signer in (CURRENT, OLD):
        verdict = check(receipt(signer), KEYS)
        assert verdict.holds
        assert signer.key_id in verdict.text
        assert "partition 2 offset 41" in verdict.text


@pytest.mark.parametrize("field", ["chunk_digest", "topic", "trace_id"])
def test_an_altered_text_proves_nothing(field: str) -> None:
    verdict = check(receipt() | {field: receipt()[field] + "0"}, KEYS)
    assert not verdict.holds
    assert "altered" in verdict.text


@pytest.mark.parametrize("field", ["chunk_seq", "offset", "partition", "received_at_us"])
def test_an_altered_number_proves_nothing(field: str) -> None:
    assert not check(receipt() | {field: receipt()[field] + 1}, KEYS).holds


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"key_id": OLD.key_id}, "altered"),
        ({"key_id": "0" * 16}, "not among"),
        ({"signature": ""}, "altered"),
        ({"signature": "%"}, "no whole receipt"),
        ({"offset": True}, "integer"),
        ({"offset": 2**80}, "range"),
        ({"topic": "\ud800"}, "ASCII"),
        ({"topic": None}, "text"),
    ],
)
def test_a_false_receipt_is_told_in_words(change: dict[str, Any], said: str) -> None:
    verdict = check(receipt() | change, KEYS)
    assert (verdict.holds, said in verdict.text) == (False, True), verdict.text


@pytest.mark.parametrize("other", [None, [], "x", {}, {"trace_id": "t"}])
def test_what_is_no_receipt_proves_nothing(other: Any) -> None:
    assert not check(other, KEYS).holds


def test_a_key_is_known_by_what_it_is_and_not_by_its_name() -> None:
    renamed = {"keys": [{**CURRENT.published["keys"][1], "kid": CURRENT.key_id}]}
    assert not check(receipt(), read_keys(renamed)).holds
    assert read_keys(renamed) == {key_id(OLD.public_key): OLD.public_key}


@pytest.mark.parametrize(
    "document",
    [None, {}, {"keys": []}, {"keys": [{"kty": "RSA"}]}, {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": 7}]}],
)
def test_what_are_no_keys_is_refused(document: Any) -> None:
    with pytest.raises(BadKeys):
        read_keys(document)
