"""The notary: its tree is a function of the topic, it goes on where it was, and contradicts nobody."""

from __future__ import annotations

import base64
import dataclasses
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.canonical import digest, loads
from pipeline.checkpoints import open_checkpoint, sign_checkpoint
from pipeline.erasure import mark_erased
from pipeline.errors import BadSetting, Erased, Invalid, Retryable
from pipeline.integritystore import CHECKPOINT, RESUME, DamagedPlace, place_key, read_place, tile_key
from pipeline.keys import DEVELOPMENT_NOTARY_KEY, notary_public_keys, notary_signer
from pipeline.leaves import leaf_of
from pipeline.notes import NoteSigner
from pipeline.objectstore import FolderStore
from pipeline.settings import GatewaySettings, NotarySettings
from pipeline.tiles import Edge, Tile
from schemas.codec import encode
from schemas.examples import load_examples
from schemas.records import CheckpointSigned, LeafAppended, TraceAssembled, TraceJudged
from streams.notary.appending import Appender, kept_of
from streams.notary.following import Cadence
from streams.notary.ledger import Contradiction, Ledger, Place
from tests.support.finished import example
from tests.support.notary import NOW_S, ORIGIN, SIGNER, Notary, Topic, leaf, logged, roots_of

EXAMPLES = load_examples()


async def filled(topic: Topic, *numbers: int) -> None:
    for number in numbers:
        await topic.emit(leaf(number))


async def begun_and_signed(notary: Notary) -> None:
    """It starts, reads all there is and signs what is due."""
    await notary.start()
    await notary.read()
    await notary.sign()


async def test_a_leaf_counts_where_it_first_stands(tmp_path: Path) -> None:
    topic, store = Topic(), FolderStore(tmp_path)
    notary = Notary(topic, store, leaves=1)
    await filled(topic, 1, 2, 1, 3, 2, 1)
    await begun_and_signed(notary)
    (signed,) = topic.checkpoints()
    assert (signed.checkpoint.size, signed.checkpoint.root) == (3, roots_of(topic.leaves())[3])
    assert (signed.checkpoint.origin, signed.time_s) == (ORIGIN, NOW_S)
    assert read_place(await store.get(place_key(leaf(3).leaf_hash))) == (2, 3)


async def test_a_checkpoint_is_published_with_its_tiles_once_it_was_read_back(tmp_path: Path) -> None:
    topic, store = Topic(), FolderStore(tmp_path)
    notary = Notary(topic, store, leaves=1)
    await filled(topic, *range(300))
    await begun_and_signed(notary)
    assert not await store.exists(CHECKPOINT)
    assert {"integrity/tile/0/000", "integrity/tile/0/001.p/44", "integrity/tile/1/000.p/1"} <= {
        *await store.keys("integrity/tile/")
    }
    await notary.read()
    published = open_checkpoint((await store.get(CHECKPOINT)).decode(), [SIGNER.verifier])
    assert published == topic.checkpoints()[0]


async def test_it_goes_on_where_the_latest_checkpoint_left_it(tmp_path: Path) -> None:
    topic, store = Topic(), FolderStore(tmp_path)
    first = Notary(topic, store, leaves=1)
    await filled(topic, *range(270))
    await first.start()
    await first.read()
    await first.sign()
    await first.read()
    await filled(topic, 5, *range(270, 600))
    second = Notary(topic, store, leaves=1)
    assert await second.start() == 270
    await second.read()
    await second.sign()
    assert [signed.checkpoint.root for signed in topic.checkpoints()] == [
        roots_of(topic.leaves())[size] for size in (270, 600)
    ]


@pytest.mark.parametrize("lost", ["integrity/", RESUME, "integrity/tile/", CHECKPOINT])
async def test_whatever_the_store_loses_is_made_again_from_the_topic(tmp_path: Path, lost: str) -> None:
    topic, store = Topic(), FolderStore(tmp_path)
    first = Notary(topic, store, leaves=1)
    await filled(topic, *range(270))
    await first.start()
    await first.read()
    await first.sign()
    await first.read()
    whole = {key: await store.get(key) for key in await store.keys("")}
    for key in whole:
        if key.startswith(lost):
            await store.delete(key)
    await filled(topic, 1000)
    second = Notary(topic, store, leaves=1)
    await second.start()
    await second.read()
    await second.sign()
    await second.read()
    assert topic.checkpoints()[-1].checkpoint.root == roots_of(topic.leaves())[271]
    assert whole.keys() <= set(await store.keys(""))


@pytest.mark.parametrize(
    ("key", "content"),
    [
        (RESUME, b"\xff"),
        (RESUME, b"nothing"),
        (RESUME, NoteSigner(f"{ORIGIN}/resume", b"\x09" * 32).sign("x\n").encode()),
        (tile_key(Tile(0, 0, 3)), bytes(96)),
        (tile_key(Tile(0, 0, 3)), b"short"),
    ],
)
async def test_what_was_forged_in_the_store_is_not_taken_up(tmp_path: Path, key: str, content: bytes) -> None:
    topic, store = Topic(), FolderStore(tmp_path)
    first = Notary(topic, store, leaves=1)
    await filled(topic, 1, 2, 3)
    await first.start()
    await first.read()
    await first.sign()
    await first.read()
    await store.put(key, content)
    assert await Notary(topic, store).start() == 0


async def test_a_published_checkpoint_is_no_place_to_resume_from(tmp_path: Path) -> None:
    topic, store = Topic(), FolderStore(tmp_path)
    await store.put(RESUME, sign_checkpoint(Ledger(ORIGIN, Edge()).head(), SIGNER, 1).encode())
    await filled(topic, 1)
    assert await Notary(topic, store).start() == 0


async def test_a_new_key_goes_on_with_the_same_log(tmp_path: Path) -> None:
    topic, store, successor = Topic(), FolderStore(tmp_path), NoteSigner(ORIGIN, b"\x09" * 32)
    await filled(topic, *range(5))
    for signer in (SIGNER, successor):
        notary = Notary(topic, store, leaves=1, signer=signer)
        assert await notary.start() == 0
        for _ in range(2):
            await notary.read()
            await notary.sign()
    published = open_checkpoint((await store.get(CHECKPOINT)).decode(), [successor.verifier]).checkpoint
    assert (published.size, published.root) == (5, roots_of(topic.leaves())[5])
    assert await Notary(topic, store, signer=successor).start() == 5


class Away(FolderStore):
    """An object store that is away for so many calls."""

    calls = 3

    async def put(self, key: str, data: bytes) -> None:
        self.calls -= 1
        if self.calls >= 0:
            raise Retryable("away")
        await super().put(key, data)


async def test_while_the_store_is_away_it_tries_again_and_does_not_stand_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, bool]] = []

    async def sleep(_s: float) -> None:
        course = await notary._follower.course()
        seen.append((course.turns, course.takes_more))

    monkeypatch.setattr("streams.notary.following.asyncio.sleep", sleep)
    topic, store = Topic(), Away(tmp_path)
    notary = Notary(topic, store, leaves=1)
    await filled(topic, 1)
    await begun_and_signed(notary)
    assert [signed.checkpoint.size for signed in topic.checkpoints()] == [1]
    assert seen == [(1, False), (2, False), (3, False)]
    assert (await notary._follower.course()).takes_more


async def _after(tmp_path: Path, *values: bytes) -> Notary:
    topic = Topic()
    notary = Notary(topic, FolderStore(tmp_path), leaves=1)
    await notary.start()
    await filled(topic, 1, 2, 3)
    topic.values += values
    await notary.read()
    return notary


def _note(size: int, root: bytes, signer: NoteSigner = SIGNER) -> bytes:
    ledger = Ledger(ORIGIN, Edge())
    note = sign_checkpoint(dataclasses.replace(ledger.head(), size=size, root=root), signer, 1)
    return _encoded(note)


def _encoded(note: str) -> bytes:
    return encode(CheckpointSigned(origin=ORIGIN, tree_size=1, root_hash=b"", note=note, signed_at_us=1))


async def test_a_checkpoint_that_does_not_fit_stops_the_notary(tmp_path: Path) -> None:
    with pytest.raises(Contradiction, match="the first 2 leaves"):
        await _after(tmp_path / "a", _note(2, bytes(32)))
    with pytest.raises(Contradiction, match="3 leaves where 4 were signed"):
        await _after(tmp_path / "b", _note(4, bytes(32)))


async def test_what_others_write_to_the_topic_is_passed_over(tmp_path: Path) -> None:
    stranger = NoteSigner(ORIGIN, b"\x09" * 32)
    await _after(tmp_path, b"", b"no record", _note(2, bytes(32), stranger), _encoded("no note"))
    assert not await FolderStore(tmp_path).exists(CHECKPOINT)
    short = dataclasses.replace(leaf(9), leaf_hash=b"short")
    topic = Topic()
    notary = Notary(topic, FolderStore(tmp_path / "b"), leaves=1)
    await notary.start()
    await topic.emit(short)
    await topic.emit(leaf(1))
    await notary.read()
    await notary.sign()
    assert topic.checkpoints()[0].checkpoint.size == 1


def test_a_leaf_that_stands_elsewhere_than_was_told_is_a_contradiction() -> None:
    ledger = Ledger(ORIGIN, Edge())
    one: LeafAppended = leaf(1)
    with pytest.raises(Contradiction, match="was told to stand at"):
        ledger.fold([(0, one)], {one.leaf_hash: Place(5, 0)})
    with pytest.raises(Contradiction, match="was told to stand at"):
        Ledger(ORIGIN, Edge()).fold([(0, one)], {one.leaf_hash: Place(0, 7)})


def test_a_damaged_place_stops_the_notary() -> None:
    with pytest.raises(DamagedPlace, match="integrity/resume"):
        read_place(b"index 1\noffset x\n")


def test_a_checkpoint_is_due_after_so_many_leaves_or_so_long() -> None:
    cadence = Cadence(leaves=10, interval_s=5)
    assert not cadence.due(0, 100)
    assert not cadence.due(1, 100)
    assert not cadence.due(9, 104.9)
    assert cadence.due(9, 105)
    assert cadence.due(10, 100.1)
    cadence.signed()
    assert not cadence.due(3, 106)
    assert cadence.due(3, 111)


# A step of a schedule: who does it, what, and with how much.
STEPS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["append", "read", "sign", "restart"]), st.integers(1, 40)),
    min_size=5,
    max_size=60,
)


@given(STEPS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_number_of_notaries_at_any_pace_never_contradict_each_other(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, str, int]]
) -> None:
    topic, store = Topic(), FolderStore(tmp_path_factory.mktemp("store"))
    notaries = [Notary(topic, store, leaves=1) for _ in range(3)]
    for notary in notaries:
        await notary.start()
    for who, what, much in steps:
        if what == "append":
            # Each appends from a place of its own, as after a rebalance: the same leaves come again and again.
            await filled(topic, *range(who * 7, who * 7 + much))
        elif what == "read":
            await notaries[who].read(much)
        elif what == "sign":
            await notaries[who].sign()
        else:
            notaries[who] = Notary(topic, store, leaves=1)
            await notaries[who].start()
    for notary in notaries:
        await notary.read()
        await notary.sign()
    roots = roots_of(topic.leaves())
    for signed in topic.checkpoints():
        assert signed.checkpoint.root == roots[signed.checkpoint.size]
    if topic.leaves():
        assert max(signed.checkpoint.size for signed in topic.checkpoints()) == len(topic.leaves())


class Emitted(list[Any]):
    async def __call__(self, record: LeafAppended) -> None:
        self.append(record)


async def test_what_a_leaf_stands_for_is_stored_before_the_leaf_is_appended(tmp_path: Path) -> None:
    record = EXAMPLES["TraceAssembled"]
    assert isinstance(record, TraceAssembled)
    store, source = FolderStore(tmp_path), logged("trace-assembled", 57, b"")
    stored_first: list[bool] = []

    async def emit(appended: LeafAppended) -> None:
        stored_first.append(await store.exists(leaf_of(record).key()))
        assert (appended.source_topic, appended.source_offset) == ("trace-assembled", 57)
        assert (appended.leaf_hash, appended.trace_id) == (leaf_of(record).hash, record.trace_id)

    await Appender(store, emit, lambda: 1).append(source, record)
    assert stored_first == [True]
    kept = loads(await store.get(leaf_of(record).key()))
    assert kept.keys() == {"leaf", "record", "document"}
    assert base64.b64decode(kept["document"]) == record.document
    assert loads(kept["leaf"])["record"] == digest(kept["record"].encode())


def test_a_big_document_is_told_by_its_place() -> None:
    record = EXAMPLES["TraceAssembled"]
    assert isinstance(record, TraceAssembled)
    big = dataclasses.replace(record, document=None, document_ref="documents/ab")
    assert loads(kept_of(leaf_of(big), big))["document_ref"] == "documents/ab"


async def test_ids_that_name_no_object_are_dead_lettered(tmp_path: Path) -> None:
    record = example(TraceJudged, "../../etc")
    emitted = Emitted()
    with pytest.raises(Invalid, match="names no object"):
        await Appender(FolderStore(tmp_path), emitted, lambda: 1).append(logged("trace-judged", 1, b""), record)
    assert emitted == []


async def test_nothing_is_kept_of_an_erased_trace(tmp_path: Path) -> None:
    record = EXAMPLES["TraceJudged"]
    store, emitted = FolderStore(tmp_path), Emitted()
    await mark_erased(store, leaf_of(record).trace_id)
    with pytest.raises(Erased):
        await Appender(store, emitted, lambda: 1).append(logged("trace-judged", 1, b""), record)
    assert emitted == []
    assert await store.keys("leaves/") == []


def test_production_wants_a_key_of_its_own() -> None:
    for key in ("", DEVELOPMENT_NOTARY_KEY):
        with pytest.raises(BadSetting, match="NOTARY_KEY: production needs"):
            notary_signer(NotarySettings(mode="production", notary_key=key))
    with pytest.raises(BadSetting, match="NOTARY_KEY: expected 32 bytes"):
        notary_signer(NotarySettings(mode="production", notary_key="ab"))
    assert notary_signer(NotarySettings(mode="production", notary_key="ab" * 32)).verifier.name


def test_the_gateway_knows_the_notary_by_its_public_keys() -> None:
    development = notary_signer(NotarySettings(mode="development", notary_key=""))
    assert notary_public_keys(GatewaySettings(mode="development")) == (development.verifier,)
    assert notary_public_keys(GatewaySettings(mode="production")) == ()
    given = GatewaySettings(mode="production", notary_public_keys=f"{SIGNER.verifier}, {development.verifier}")
    assert notary_public_keys(given) == (SIGNER.verifier, development.verifier)
    with pytest.raises(BadSetting, match="NOTARY_PUBLIC_KEYS"):
        notary_public_keys(GatewaySettings(mode="production", notary_public_keys="ab"))
