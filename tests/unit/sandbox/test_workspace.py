"""The repository is found by its plain name or in the upload, and by nothing that leads elsewhere."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from pipeline.canonical import digest
from pipeline.objectstore import FolderStore
from sandbox.checkout import BUNDLE, MIRROR
from sandbox.failures import NoVerdict
from sandbox.workspace import find_workspace, mirror_of
from tests.support.sandbox import START, Repository, assembled, make_repository, workspace_key

TRACE = assembled("team/calc", None, [])


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return make_repository(tmp_path_factory.mktemp("repos") / "calc", START)


@pytest.mark.parametrize(
    "origin", ["https://example.com/team/calc.git", "git@example.com:team/calc.git", "git@example.com:calc", "calc/"]
)
def test_the_origin_s_last_part_names_the_mirror(repository: Repository, origin: str) -> None:
    assert mirror_of(origin, repository.folder.parent) == repository.objects


@pytest.mark.parametrize("origin", ["", "/", "..", "https://example.com/..", "team/.git", "team/other", "a/calc\n"])
def test_no_other_name_leads_anywhere(repository: Repository, origin: str) -> None:
    assert mirror_of(origin, repository.folder.parent) is None
    assert mirror_of("team/calc", None) is None


async def test_mirror_and_upload_are_both_taken(repository: Repository, tmp_path: Path) -> None:
    store, bundle = FolderStore(tmp_path), repository.bundle()
    await store.put(workspace_key(TRACE, bundle), bundle)
    document = {
        "artifacts": {
            "log": {"kind": "log", "sha256": digest(b"log")},
            "w": {"kind": "workspace", "sha256": digest(bundle)},
        }
    }
    found = await find_workspace(TRACE, document, repository.folder.parent, store, 10**6)
    assert found[BUNDLE] == bundle
    with tarfile.open(fileobj=io.BytesIO(found[MIRROR])) as tar:
        assert {name.split("/")[0] for name in tar.getnames()} == {"objects"}
    for limit in (10, len(found[MIRROR])):
        with pytest.raises(NoVerdict) as refused:
            await find_workspace(TRACE, document, repository.folder.parent, store, limit)
        assert refused.value.outcome.reason == "bad_workspace"


async def test_what_is_missing_or_no_bundle_is_said(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    await store.put(workspace_key(TRACE, b"not a bundle"), b"not a bundle")
    documents = {
        "no_workspace": [{}, {"w": {"kind": "workspace", "sha256": digest(b"never stored")}}],
        "bad_workspace": [{"w": {"kind": "workspace", "sha256": digest(b"not a bundle")}}],
    }
    for reason, artifacts in ((reason, artifacts) for reason, every in documents.items() for artifacts in every):
        with pytest.raises(NoVerdict) as refused:
            await find_workspace(TRACE, {"artifacts": artifacts}, None, store, 10**6)
        assert refused.value.outcome.reason == reason
