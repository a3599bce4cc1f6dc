"""A digest that was said holds for the bytes as they came; what is no digest of ours is refused or ignored."""

import pytest

from ingest_gateway.content_digest import ContentDigest, said_digest
from ingest_gateway.problems import BAD_PARAMETER, DIGEST_MISMATCH, Problem

# RFC 9530, appendix B.1: the digest of this very content.
CONTENT = b'{"hello": "world"}\n'
SHA256 = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
SHA512 = "sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:"


def checked(*fields: str, content: bytes = CONTENT) -> None:
    digest = ContentDigest(fields)
    for place in range(len(content)):
        digest.feed(content[place : place + 1])
    digest.check()


@pytest.mark.parametrize(
    "fields",
    [(), (SHA256,), (f"{SHA512}, {SHA256}",), (SHA512, SHA256), (SHA256 + ";note=1",), (f"sha-256=:AA==:, {SHA256}",)],
)
def test_the_content_of_the_rfc_has_the_digest_of_the_rfc(fields: tuple[str, ...]) -> None:
    checked(*fields)


@pytest.mark.parametrize("content", [b"", CONTENT[:-1], CONTENT + b"\n"])
def test_other_content_is_refused(content: bytes) -> None:
    with pytest.raises(Problem) as problem:
        checked(SHA256, content=content)
    assert problem.value.kind is DIGEST_MISMATCH


def test_algorithms_that_are_not_known_are_ignored() -> None:
    assert said_digest(["unixsum=:AAAAAAAAMGk=:", "md5=:1B2M2Y8AsgTpgAmY7PhCfg==:"]) is None
    checked(SHA512, content=b"anything")


@pytest.mark.parametrize(
    "field",
    [
        *("", "sha-256", "sha-256=", "sha-256=::", "sha-256=:AA==:", "sha-256=:A:", f"{SHA256},", SHA256[:-1], "x=1"),
        *("sha-256=:" + "0" * 64 + ":", SHA256.upper(), SHA256.replace("/", "_")),
    ],
)
def test_what_cannot_be_read_is_refused(field: str) -> None:
    with pytest.raises(Problem) as problem:
        said_digest([field])
    assert problem.value.kind is BAD_PARAMETER
