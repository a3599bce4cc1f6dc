"""A receipt is checked offline with the published keys, also after the gateway's key was rotated."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ingest_gateway.answers import ReceiptKeys
from ingest_gateway.receipts import Signer
from pipeline.receipts import PATH
from tests.integration.ingest_gateway.conftest import Front, build, chunk, serving

pytestmark = pytest.mark.integration


async def verify(file: Path, *options: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "pipeline.cli", "verify-receipt", str(file), *options]
    return await asyncio.to_thread(subprocess.run, line, capture_output=True, text=True, timeout=60, check=False)


def written(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


async def test_receipts_outlive_the_key_that_signed_them(front: Front, tmp_path: Path) -> None:
    trace = await front.open()
    receipt = (await front.ingest(trace, chunk())).json()
    file = written(tmp_path / "receipt.json", receipt)
    retired = front.gateway.signer.public_key.hex()
    rotated = build(front.kafka, tmp_path / "rotated", receipt_key="cd" * 32, retired_receipt_keys=retired)
    async with serving(rotated, front.kafka) as second:
        answer = await second.http.get(PATH)
    keys = ReceiptKeys.model_validate_json(answer.content).keys
    assert [key.status for key in keys] == ["current", "retired"]
    proven = await verify(file, "--keys", str(written(tmp_path / "keys.json", answer.json())))
    assert (proven.returncode, "PROVEN" in proven.stdout) == (0, True), proven.stderr
    assert trace.trace_id in proven.stdout.replace("\n", "")

    altered = written(tmp_path / "altered.json", [receipt, {**receipt, "offset": receipt["offset"] + 1}])
    refused = await verify(altered, "--keys", str(tmp_path / "keys.json"), "--json")
    assert refused.returncode == 1
    assert [line["proven"] for line in json.loads(refused.stdout)] == [True, False]
    stranger = Signer(b"\x09" * 32).published
    assert (await verify(file, "--keys", str(written(tmp_path / "other.json", stranger)))).returncode == 1


async def test_what_cannot_be_judged_is_not_called_false(tmp_path: Path) -> None:
    file = written(tmp_path / "receipt.json", {})
    for keys in (tmp_path / "absent.json", written(tmp_path / "none.json", {"keys": []}), "http://127.0.0.1:9/keys"):
        assert (await verify(file, "--keys", str(keys))).returncode == 2
