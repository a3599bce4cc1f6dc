"""What the transparency log has of the cookbook's sessions, and what their projects said of their use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline.canonical import digest
from pipeline.leaves import leaf_of
from schemas.records import (
    CheckpointSigned,
    LeafAppended,
    ProjectPolicy,
    Record,
    TraceAssembled,
    TraceJudged,
    TraceValidated,
)
from tests.support.cookbook_results import OPERATOR
from tests.support.cookbook_telling import HOUR_US, MONDAY_US

ORIGIN = "telemetry.example/log"
EVERY = 12
"""Leaves that a checkpoint waits for."""


def transparency(records: Iterable[Record]) -> Iterator[Record]:
    """Leaves of these records in their order, and checkpoints; their signatures are none, nobody verifies them here."""
    told = [one for one in records if isinstance(one, TraceAssembled | TraceValidated | TraceJudged)]
    for number, one in enumerate(told):
        at_us = (one.closed_at_us if isinstance(one, TraceAssembled) else one.started_at_us) + 400_000
        leaf = leaf_of(one)
        yield LeafAppended(
            kind=leaf.kind,
            trace_id=one.trace_id,
            revision=one.revision,
            leaf_hash=leaf.hash,
            source_topic="topic",
            source_partition=0,
            source_offset=number,
            appended_at_us=at_us,
        )
        if (number + 1) % EVERY == 0:
            root = bytes.fromhex(digest(leaf.hash).removeprefix("sha256:"))
            yield CheckpointSigned(
                origin=ORIGIN,
                tree_size=number + 1,
                root_hash=root,
                note=f"{ORIGIN}\n{number + 1}\n",
                signed_at_us=at_us + HOUR_US // 60,
            )


def policies() -> Iterator[Record]:
    """One project has said what its traces are for."""
    yield ProjectPolicy(
        project="web",
        consent="research",
        redact=("email",),
        recorded_by=OPERATOR,
        recorded_at_us=MONDAY_US + HOUR_US,
    )
