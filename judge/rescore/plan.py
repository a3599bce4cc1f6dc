"""The frozen plan of a run: which records of trace-assembled it scores, as offsets by partition. Pure.

A plan has one order, by partition and then by offset, so that one number says how far a run is. Packed it is, for each
partition, the differences of its offsets as variable-length integers (LEB128), compressed: a million traces that lie
side by side take less than 3 KB, a million out of five by chance less than 1.5 MB.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import zstandard

from pipeline.canonical import digest
from pipeline.errors import Invalid

MAGIC = b"PRPLAN1"
LEVEL = 9
LARGEST = 1 << 30


@dataclass(frozen=True, slots=True)
class Plan:
    """Ascending offsets by partition, partitions ascending."""

    offsets: tuple[tuple[int, Sequence[int]], ...]

    def __len__(self) -> int:
        return sum(len(offsets) for _, offsets in self.offsets)

    def rest(self, position: int) -> Iterator[tuple[int, Sequence[int]]]:
        """(partition, offsets) of what comes after the first `position` places."""
        for partition, offsets in self.offsets:
            if position < len(offsets):
                yield partition, offsets[position:]
            position = max(0, position - len(offsets))

    def at(self, positions: Iterable[int]) -> list[tuple[int, list[int]]]:
        """(partition, offsets) of the places with these numbers, ascending."""
        chosen, found, before = sorted(positions), [], 0
        for partition, offsets in self.offsets:
            here = [offsets[number - before] for number in chosen if before <= number < before + len(offsets)]
            before += len(offsets)
            if here:
                found.append((partition, here))
        return found

    def bounds(self) -> dict[str, list[int]]:
        """[first, next) offset by partition, as JSON."""
        return {str(partition): [offsets[0], offsets[-1] + 1] for partition, offsets in self.offsets}


def plan_of(places: Iterable[tuple[int, int]]) -> Plan:
    """The plan of these (partition, offset), in any order, each once."""
    by_partition: dict[int, array[int]] = {}
    for partition, offset in places:
        by_partition.setdefault(partition, array("Q")).append(offset)
    return Plan(
        tuple((partition, array("Q", sorted(set(by_partition[partition])))) for partition in sorted(by_partition))
    )


def pack(plan: Plan) -> bytes:
    """The plan's bytes: the same for the same plan."""
    out = bytearray(MAGIC)
    for partition, offsets in plan.offsets:
        _write(out, partition)
        _write(out, len(offsets))
        before = 0
        for offset in offsets:
            _write(out, offset - before)
            before = offset
    return zstandard.compress(bytes(out), LEVEL)


def unpack(data: bytes, expected: str) -> Plan:
    """The plan in the bytes, whose digest is `expected`. Raises Invalid for others."""
    if digest(data) != expected:
        raise Invalid("the stored plan is not the one that the run's manifest names")
    try:
        numbers = _numbers(zstandard.decompress(data, max_output_size=LARGEST))
        return Plan(tuple(_partitions(numbers)))
    except (zstandard.ZstdError, StopIteration, RuntimeError, OverflowError) as error:
        raise Invalid(f"the stored plan is damaged: {error!r}") from error


def _write(out: bytearray, number: int) -> None:
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)


def _numbers(data: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in memoryview(data)[len(MAGIC) :]:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield number
            number = shift = 0


def _partitions(numbers: Iterator[int]) -> Iterator[tuple[int, Sequence[int]]]:
    for partition in numbers:
        offsets, offset = array("Q"), 0
        for _ in range(next(numbers)):
            offset += next(numbers)
            offsets.append(offset)
        yield partition, offsets
