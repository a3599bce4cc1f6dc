"""A scripted endpoint and a store for evidence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.objectstore import FolderStore
from tests.support.openai_server import OpenAIServer, openai_server


@pytest.fixture
def endpoint() -> Iterator[OpenAIServer]:
    with openai_server() as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path)
