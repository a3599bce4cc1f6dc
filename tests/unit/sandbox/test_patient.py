"""An image that cannot be built is not tried again for each trace of its repository."""

from __future__ import annotations

import asyncio

from sandbox.dependencies import FAILURE_KEPT_S, FAILURES_KEPT, Patient


class Index:
    """A builder that fails while the index is away."""

    def __init__(self) -> None:
        self.away, self.asked, self.at_once, self.most = True, list[bytes](), 0, 0
        self.now_s = 1_000.0

    async def build(self, base: str, lock: str, content: bytes) -> str | None:
        self.asked.append(content)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        return "the index is away" if self.away else None

    def patient(self) -> Patient:
        return Patient(self.build, lambda: self.now_s)


async def test_a_failure_is_told_again_for_a_while_and_then_tried_again() -> None:
    index = Index()
    build = index.patient()
    assert [await build("base", "requirements.txt", b"a") for _ in range(3)] == ["the index is away"] * 3
    assert index.asked == [b"a"]
    index.away, index.now_s = False, index.now_s + FAILURE_KEPT_S - 1
    assert await build("base", "requirements.txt", b"a") == "the index is away"
    index.now_s += 1
    assert await build("base", "requirements.txt", b"a") is None
    assert index.asked == [b"a", b"a"]


async def test_another_file_or_image_is_another_question() -> None:
    index = Index()
    build = index.patient()
    for base, lock, content in (("a", "l", b"x"), ("b", "l", b"x"), ("a", "m", b"x"), ("a", "l", b"y")):
        await build(base, lock, content)
    assert len(index.asked) == 4


async def test_the_same_file_is_built_once_at_a_time_and_others_beside_it() -> None:
    index = Index()
    build = index.patient()
    assert await asyncio.gather(*(build("a", "l", b"x") for _ in range(5))) == ["the index is away"] * 5
    assert (len(index.asked), index.most) == (1, 1)
    await asyncio.gather(*(build("a", "l", bytes([n])) for n in range(5)))
    assert index.most == 5


async def test_only_so_many_failures_are_kept() -> None:
    index = Index()
    build = index.patient()
    for number in range(FAILURES_KEPT + 1):
        await build("a", "l", str(number).encode())
    await build("a", "l", b"1")
    assert len(index.asked) == FAILURES_KEPT + 1
    await build("a", "l", b"0")
    assert len(index.asked) == FAILURES_KEPT + 2
