"""Where the object store keeps the Merkle log, for those who write it and those who read it.

- `integrity/checkpoint`: the latest checkpoint, a signed note; it and the next one are the only objects that change
- `integrity/resume`: where a notary goes on from, signed by itself
- `integrity/tile/<level>/<n>`: the tree, laid out as https://c2sp.org/tlog-tiles says
- `integrity/places/<hh>/<hash>`: the index of a leaf, and its offset in the topic
- `leaves/<trace>/<hash>`: what a leaf stands for (see leaves.py); personal, so it goes with the trace

All but the last is hashes only, and is kept for ever, as integrity-log is.
"""

import re

from pipeline.errors import Explained
from pipeline.tiles import Tile

CHECKPOINT = "integrity/checkpoint"
RESUME = "integrity/resume"
PLACE = re.compile(rb"index ([0-9]{1,18})\noffset ([0-9]{1,18})\n")


class DamagedPlace(Explained):
    """The bytes are no place of a leaf."""


def tile_key(tile: Tile) -> str:
    """The key of a tile."""
    return f"integrity/{tile.path()}"


def place_key(leaf_hash: bytes) -> str:
    """The key of a leaf's place."""
    name = leaf_hash.hex()
    return f"integrity/places/{name[:2]}/{name}"


def write_place(index: int, offset: int) -> bytes:
    """The index of a leaf and its offset in integrity-log, as they are kept."""
    return b"index %d\noffset %d\n" % (index, offset)


def read_place(content: bytes) -> tuple[int, int]:
    """(index, offset) of a leaf. Raises DamagedPlace."""
    match = PLACE.fullmatch(content)
    if not match:
        raise DamagedPlace(
            f"{content[:80]!r} is no place of a leaf. Remove integrity/places and integrity/resume from the object"
            " store: a notary makes both again from integrity-log."
        )
    return int(match[1]), int(match[2])
