"""Names, versions, markers and hashes reach pip; whatever makes it run, clone or read something else does not."""

from __future__ import annotations

import pytest

from sandbox.locks import RefusedLock, image_name, lock_of, requirements

A, B = "a" * 64, "b" * 64


def test_requirements_are_taken_line_by_line() -> None:
    text = f"""\ufeff# a comment
requests==2.32.0 \\
    --hash=sha256:{A} \\
    --hash=sha256:{B}   # two wheels
attrs>=21, <26
typing-extensions ; python_version < "3.12"
Zope.Interface[testing,docs] ~= 5.0
six
"""
    assert requirements("requirements.txt", text.encode()) == (
        f"requests==2.32.0 --hash=sha256:{A} --hash=sha256:{B}",
        "attrs>=21, <26",
        'typing-extensions ; python_version < "3.12"',
        "Zope.Interface[testing,docs] ~= 5.0",
        "six",
    )


@pytest.mark.parametrize(
    "line",
    [
        "-e .",
        ".",
        "./wheel-1.0-py3-none-any.whl",
        "/etc/passwd",
        "-r other.txt",
        "-c other.txt",
        "--index-url https://example.com/simple",
        "--extra-index-url=https://example.com/simple",
        "--find-links /tmp",
        "--no-binary :all:",
        "--pre",
        "git+https://example.com/x.git",
        "x @ https://example.com/x-1.0-py3-none-any.whl",
        "x @ file:///tmp/x.whl",
        "https://example.com/x-1.0-py3-none-any.whl",
        "x==1.0 --config-settings a=b",
        "x==1.0 --global-option=build",
        "x==1.0 --hash=md5:0123",
        "x==${SECRET}",
        "x; python_version < '3' --index-url y @z",
        "-x==1",
    ],
)
def test_what_is_no_name_is_refused(line: str) -> None:
    with pytest.raises(RefusedLock):
        requirements("requirements.txt", f"six\n{line}\n".encode())


def test_a_pylock_gives_versions_markers_and_hashes() -> None:
    lock = f"""
lock-version = "1.0"
[[packages]]
name = "attrs"
version = "25.1.0"
marker = "python_version > '3.8'"
wheels = [{{name = "attrs-25.1.0-py3-none-any.whl", hashes = {{sha256 = "{A}"}}}}]
"""
    expected = f"attrs==25.1.0 ; python_version > '3.8' --hash=sha256:{A}"
    assert requirements("pylock.toml", lock.encode()) == (expected,)


@pytest.mark.parametrize(
    "lock",
    [
        "[[packages]]\nname = 'x'\nversion = '1'\nsdist = {}\n",
        "[[packages]]\nname = 'x'\nvcs = {}\n",
        "[[packages]]\nname = '-e .'\nversion = '1'\nwheels = []\n",
        "[[packages]]\nname = 'x'\nversion = '1'\nwheels = [{}]\n",
        "packages = 1\n",
        "not toml",
        "",
    ],
)
def test_a_pylock_without_wheels_is_refused(lock: str) -> None:
    with pytest.raises(RefusedLock):
        requirements("pylock.toml", lock.encode())


def test_the_most_exact_file_counts() -> None:
    assert lock_of("python", {"requirements.txt", "pylock.toml", "setup.py"}) == "pylock.toml"
    assert lock_of("python", {"requirements.txt", "requirements-test.txt"}) == "requirements-test.txt"
    assert lock_of("python", {"setup.py"}) is None
    assert lock_of("node", {"requirements.txt"}) is None


def test_base_and_lock_name_the_image() -> None:
    names = {image_name(base, lock) for base in ("sha256:1", "sha256:2") for lock in (b"a", b"b")}
    assert len(names) == 4
    assert image_name("sha256:1", b"a") in names
