"""However an output arrives, its first and last halves are kept and never more than the cap."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sandbox.transfer import Capped


@given(st.lists(st.binary(max_size=40), max_size=12), st.integers(min_value=1, max_value=20))
def test_the_middle_is_left_out(pieces: list[bytes], half: int) -> None:
    output, whole = Capped(2 * half), b"".join(pieces)
    for piece in pieces:
        output.add(piece)
    assert output.truncated == (len(whole) > 2 * half)
    assert output.joined() == (whole[:half] + whole[-half:] if output.truncated else whole)
