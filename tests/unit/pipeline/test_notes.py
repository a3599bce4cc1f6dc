"""Signed notes and checkpoints, against the vectors of other implementations and against forgers."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.checkpoints import Checkpoint, open_checkpoint, parse_text, sign_checkpoint
from pipeline.notes import (
    MOST_SIGNATURES,
    TIMED,
    BadNote,
    BadVerifierKey,
    NoteSigner,
    VerifierKey,
    open_note,
    parse,
    read_verifier_key,
)

# The example of golang.org/x/mod/sumdb/note.
SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
LINE = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
NOTE = f"{TEXT}\n{LINE}"
SIGNER = NoteSigner("PeterNeumann", SEED)
KEY = read_verifier_key(VKEY)
# A cosigner's key of github.com/transparency-dev/formats (note_cosigv1_test.go): the same derivation with 0x04.
COSIGNER = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"

LOG = NoteSigner("log.example/one", b"\x07" * 32)
HEAD = Checkpoint("log.example/one", 7, bytes(range(32)))
SIGNED = sign_checkpoint(HEAD, LOG, 1_700_000_000)
KEYS = [LOG.verifier]


def test_the_reference_note_is_made_byte_for_byte_and_opened() -> None:
    assert SIGNER.sign(TEXT) == NOTE
    assert str(SIGNER.verifier) == VKEY
    opened = open_note(NOTE, [KEY])
    assert (opened.text, opened.key, opened.time_s) == (TEXT, KEY, None)


def test_key_ids_of_timed_signatures_are_those_of_the_reference() -> None:
    name, key_id, material = COSIGNER.split("+", 2)
    assert VerifierKey(name, base64.b64decode(material)[1:]).key_id(TIMED).hex() == key_id


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "PeterNeumann",
        VKEY[:-1],
        VKEY.replace("c74f20a3", "c74f20a4"),
        VKEY.replace("Peter", "Pater"),
        VKEY.replace("PeterNeumann", "Peter Neumann"),
        VKEY.replace("+ARpc", "+AhpC"),
        COSIGNER,
    ],
)
def test_what_is_no_verifier_key_is_refused(vkey: str) -> None:
    with pytest.raises(BadVerifierKey):
        read_verifier_key(vkey)


@pytest.mark.parametrize(
    "note",
    [
        "",
        TEXT,
        f"{TEXT}\n",
        f"{TEXT}{LINE}",
        NOTE.removesuffix("\n"),
        NOTE.replace("— ", "- "),
        NOTE.replace("— PeterNeumann ", "— Peter+Neumann "),
        NOTE.replace("— PeterNeumann ", "—  PeterNeumann "),
        NOTE.replace("AM=\n", "AN=\n"),
        NOTE.replace("AM=\n", "AM= \n"),
        NOTE.replace("AM=\n", "AM\n"),
        f"{TEXT}\n— PeterNeumann x08gow==\n",
        NOTE.replace("think", "think\t"),
        NOTE.replace("\n", "\r\n"),
        f"{TEXT}\n{LINE * (MOST_SIGNATURES + 1)}",
        "a" * 70_000 + NOTE,
    ],
)
def test_what_is_no_note_is_refused(note: str) -> None:
    with pytest.raises(BadNote):
        parse(note)


def test_signatures_of_strangers_are_passed_over_and_wrong_ones_of_known_keys_condemn() -> None:
    stranger = NoteSigner("Mallory", b"\x01" * 32).sign(TEXT).removeprefix(f"{TEXT}\n")
    namesake = NoteSigner("PeterNeumann", b"\x01" * 32).sign(TEXT).removeprefix(f"{TEXT}\n")
    assert open_note(NOTE + stranger + namesake, [KEY]).key == KEY
    for note in (f"{TEXT}\n{stranger}", f"{TEXT}\n{namesake}"):
        with pytest.raises(BadNote, match="none of the known"):
            open_note(note, [KEY])
    with pytest.raises(BadNote, match="does not fit"):
        open_note(NOTE.replace("problem is", "problem was"), [KEY])


def test_the_text_may_have_empty_lines() -> None:
    text = "one\n\ntwo\n"
    assert open_note(SIGNER.sign(text), [KEY]).text == text


@given(st.integers(0, len(SIGNED) - 1), st.characters(min_codepoint=32, max_codepoint=126))
def test_no_altered_checkpoint_opens(position: int, character: str) -> None:
    altered = SIGNED[:position] + character + SIGNED[position + 1 :]
    try:
        opened = open_checkpoint(altered, KEYS)
    except BadNote:
        return
    # A signature line may be spoilt, so that it counts as a stranger's; what remains says no less of the log.
    assert opened.checkpoint == HEAD
    assert opened.time_s in (1_700_000_000, None)


def test_a_checkpoint_carries_the_time_of_its_signature() -> None:
    opened = open_checkpoint(SIGNED, KEYS)
    assert (opened.checkpoint, opened.time_s) == (HEAD, 1_700_000_000)
    assert SIGNED.startswith("log.example/one\n7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n\n— log.example/one ")


def test_a_time_that_was_changed_condemns_the_checkpoint() -> None:
    text, line, timed = SIGNED.split("— ")
    content = bytearray(base64.b64decode(timed.split(" ")[1]))
    content[11] ^= 1
    forged = base64.b64encode(bytes(content)).decode()
    with pytest.raises(BadNote, match="does not fit"):
        open_checkpoint(f"{text}— {line}— log.example/one {forged}\n", KEYS)


def test_a_key_signs_for_its_own_log_only() -> None:
    other = sign_checkpoint(Checkpoint("log.example/two", 7, bytes(32)), LOG, 1)
    with pytest.raises(BadNote, match="another log"):
        open_checkpoint(other, KEYS)


ROOT = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "log\n",
        "log\n7\n",
        f"\n7\n{ROOT}\n",
        f"log\n07\n{ROOT}\n",
        f"log\n-7\n{ROOT}\n",
        f"log\n+7\n{ROOT}\n",
        f"log\n7 \n{ROOT}\n",
        f"log\n٧\n{ROOT}\n",
        f"log\n{10**19}\n{ROOT}\n",
        "log\n7\nAAAA\n",
        f"log\n7\n{ROOT[:-1]}\n",
        f"log\n7\n{ROOT[:-2]}B=\n",
        f"log\n7\n{ROOT}",
        f"log\n7\n{ROOT}\n\n",
        f"log\n7\n{ROOT}\n\nmore\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(BadNote):
        parse_text(text)


@pytest.mark.parametrize("extensions", [(), ("one",), ("one", "two")])
@pytest.mark.parametrize("size", [0, 1, 10**18])
def test_a_checkpoint_is_read_as_it_was_written(size: int, extensions: tuple[str, ...]) -> None:
    head = Checkpoint("log.example/one", size, bytes(range(32)), extensions)
    assert parse_text(head.text()) == head


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\n", "a\u00a0b"])
def test_names_that_a_line_cannot_hold_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        NoteSigner(name, SEED)
