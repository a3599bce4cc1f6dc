"""Texts leave without their secrets, binary files as they are, and what cannot be read is refused."""

from __future__ import annotations

import gzip
import hashlib
import io

import pytest

from ingest_gateway.problems import UNSUPPORTED_MEDIA_TYPE, Problem
from ingest_gateway.redaction import Redactor
from ingest_gateway.spool import PIECE, is_binary, measured, type_taken, without_secrets

TOKEN = b"gh" + b"p_16C7e42F292c6912E7710c838347Ae178B4a"


def test_a_text_is_redacted_over_the_seams_of_its_pieces() -> None:
    line = b"so many words of a log\n"
    text = line * (PIECE // len(line))
    text += b" " * (PIECE - len(text) - 11) + b" " + TOKEN + b"\n" + line
    redactor = Redactor(b"k")
    with without_secrets(io.BytesIO(text), redactor) as file:
        clean = file.read()
    assert TOKEN not in clean
    assert dict(redactor.counts) == {"github-token": 1}
    assert clean == Redactor(b"k").file(text)


def test_one_odd_byte_makes_no_binary_file() -> None:
    with without_secrets(io.BytesIO(b"\xff " + TOKEN), Redactor(b"k")) as file:
        assert TOKEN not in file.read()


def test_a_binary_file_passes_as_it_is() -> None:
    packed = gzip.compress(TOKEN * 100)
    assert is_binary(packed)
    assert without_secrets(io.BytesIO(packed), Redactor(b"k")).read() == packed


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_text_that_cannot_be_read_is_refused(encoding: str) -> None:
    with pytest.raises(Problem) as problem:
        is_binary("password".encode(encoding))
    assert problem.value.kind is UNSUPPORTED_MEDIA_TYPE


def test_files_are_measured_from_their_beginning() -> None:
    file = io.BytesIO(b"abc" * PIECE)
    file.seek(5)
    assert measured(file) == ("sha256:" + hashlib.sha256(file.getvalue()).hexdigest(), 3 * PIECE)
    assert file.tell() == 0


def test_types() -> None:
    assert type_taken("image/png", "*/*")
    assert type_taken("text/plain", "image/png,text/*")
    assert not type_taken("text/html", "image/png,text/plain")
