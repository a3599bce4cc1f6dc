"""Any process of the stack killed, stopped or frozen at random while clients send: nothing acknowledged is lost,
nothing is seen twice, every chain is whole. A failing seed replays: `pytest tests/faults -k "seed-N"`."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.clients import Clients
from tests.faults.schedule import draw
from tests.faults.verdict import lost_receipts, wrong
from tests.faults.world import world

pytestmark = pytest.mark.e2e
log = logging.getLogger(__name__)
CLIENTS = 4
PATIENCE_S = 240
SLICE = (11, 14, 3.0)
"""Seed, number of faults and mean seconds between them of the run in every `make test`."""
LONG = [(seed, 36, 3.5) for seed in (1001, 1002, 1003, 1004, 1005)]
RUNS = [pytest.param(*SLICE, id=f"seed-{SLICE[0]}", marks=pytest.mark.timeout(420))] + [
    pytest.param(*run, id=f"seed-{run[0]}", marks=[pytest.mark.slow, pytest.mark.timeout(900)]) for run in LONG
]


@pytest.mark.parametrize(("seed", "count", "every_s"), RUNS)
def test_nothing_is_lost_or_doubled(tmp_path: Path, seed: int, count: int, every_s: float) -> None:
    with world(tmp_path) as stricken:
        clients = Clients(stricken.stack, CLIENTS)
        clients.start()
        stricken.run(draw(seed, count, every_s, stricken.victims))
        told = clients.finish()
        faults = wrong(stricken.stack, told, PATIENCE_S)
        struck = Counter(f"{fault.kind} {fault.victim}" for fault in stricken.done)
        log.info("seed %d: %d sessions, faults: %s", seed, len(told), dict(sorted(struck.items())))
        assert not faults, (seed, stricken.done, faults)
        assert not lost_receipts(stricken.stack, told)
        audited = stricken.stack.cli("audit")
        assert "the law holds" in audited.stdout, audited.stdout + audited.stderr
        assert len(told) >= CLIENTS
        # A run in which hardly anything happened shows nothing.
        assert len(stricken.done) >= count * 0.6, stricken.done
