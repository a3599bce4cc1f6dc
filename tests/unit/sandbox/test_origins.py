"""Only allowed addresses are asked, and none that leads elsewhere."""

from __future__ import annotations

import pytest

from sandbox.origins import allowed, fetchable, host_and_port, public


@pytest.mark.parametrize(
    ("origin", "url"),
    [
        ("https://GitHub.example/team/calc.git/", "https://github.example/team/calc.git"),
        ("git@github.example:team/calc.git", "https://github.example/team/calc.git"),
        ("ssh://git@github.example/team/calc", "https://github.example/team/calc"),
        ("github.example/team/calc", "https://github.example/team/calc"),
        ("https://git.example:8443/a/b", "https://git.example:8443/a/b"),
        ("file:///srv/git/calc.git", "file:///srv/git/calc.git"),
    ],
)
def test_the_spellings_of_an_address_are_one(origin: str, url: str) -> None:
    assert fetchable(origin) == url


@pytest.mark.parametrize(
    "origin",
    [
        "http://github.example/team/calc",
        "git://github.example/team/calc",
        "ext::sh -c whoami",
        "https://user:secret@github.example/team/calc",
        "https://allowed.example@evil.example/x",
        "https://github.example/team/../../other",
        "https://github.example/team/.git/config",
        "https://github.example/%2e%2e/x",
        "https://github.example/team/calc?x=1",
        "https://github.example/team/calc#x",
        "https://github.example\\@evil.example/x",
        "https://github.example/a b",
        "https://github.example/team/calc\nx",
        "--upload-pack=whoami",
        "https://[::1]/x/y",
        "https://github.example",
        "team/calc",
        "/srv/git/calc",
        "",
    ],
)
def test_no_other_address_is_one(origin: str) -> None:
    assert fetchable(origin) is None


def test_what_is_allowed_ends_at_a_part_of_the_path() -> None:
    origins = ["https://github.example/team/", " https://git.example/one.git"]
    assert allowed("https://github.example/team/calc", origins)
    assert allowed("https://git.example/one.git", origins)
    for url in (
        "https://github.example/teammate/x",
        "https://git.example/one.git2",
        "https://github.example.evil/team/x",
    ):
        assert not allowed(url, origins)
    assert not allowed("https://github.example/team/calc", ["", " ", "https"])


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:127.0.0.1",
        "2002:7f00:1::",
    ],
)
def test_private_addresses_are_told(address: str) -> None:
    assert not public(address)


def test_public_addresses_and_ports_are_told() -> None:
    assert public("8.8.8.8")
    assert public("2001:4860:4860::8888")
    assert host_and_port("https://git.example:8443/a") == ("git.example", 8443)
    assert host_and_port("file:///srv/x") is None
