"""The stand-alone verifier passes the published vectors, as one file that needs nothing of ours."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from clients.verifier import prbundle_verify as alone
from tests.support.vectors import FOLDER, files

SOURCE = Path(alone.__file__)
KEYS: dict[str, str] = json.loads((FOLDER / "keys.json").read_text())
CASES: list[dict[str, Any]] = json.loads((FOLDER / "bundles.json").read_text())


def vector(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text())


def test_the_vectors_are_what_the_code_makes() -> None:
    stale = [path.name for path, text in files().items() if not path.exists() or path.read_text() != text]
    assert not stale, "run `python -m tests.support.vectors`"
    assert {path.name for path in FOLDER.iterdir()} == {path.name for path in files()}


def test_it_imports_nothing_but_cryptography() -> None:
    tree = ast.parse(SOURCE.read_text())
    named = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name) or ""
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert {name.split(".")[0] for name in named} - sys.stdlib_module_names == {"cryptography"}


def test_it_passes_the_vectors_of_the_tree() -> None:
    told = vector("merkle")
    roots, leaves = [*map(bytes.fromhex, told["roots"])], [bytes.fromhex(one["hash"]) for one in told["leaves"]]
    for one, leaf in zip(told["leaves"], leaves, strict=True):
        assert alone.leaf_hash(bytes.fromhex(one["data"])) == leaf
    for case in told["inclusion"]:
        proof, index, size = [*map(bytes.fromhex, case["proof"])], case["index"], case["size"]
        assert alone.included(leaves[index], index, size, proof, roots[size])
        assert not alone.included(leaves[index], index, size, proof, roots[size - 1])
        assert not alone.included(leaves[index], index, size, [*proof, roots[0]], roots[size])
    for case in told["consistency"]:
        proof, old, new = [*map(bytes.fromhex, case["proof"])], case["old"], case["new"]
        assert alone.consistent(old, new, roots[old], roots[new], proof)
        assert not alone.consistent(old, new, roots[0], roots[new], proof)


def test_it_passes_the_vectors_of_checkpoint_and_trace() -> None:
    told = vector("checkpoint")
    head = alone.open_checkpoint(told["note"], [alone.read_vkey(told["vkey"])])
    assert head == (told["origin"], told["size"], bytes.fromhex(told["root_hex"]), told["time_s"])
    other = alone.read_vkey("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    assert alone.open_checkpoint(told["note"], [other]) is None
    told = vector("trace")
    link = alone.sha256(told["genesis"].encode())
    links = [alone.spelled(link)]
    for event in told["events"]:
        link = alone.sha256(link + alone.sha256(event.encode()))
        links.append(alone.spelled(link))
    assert links == told["links"]
    statements = [{name: receipt[name] for name in alone.RECEIPT} for receipt in told["receipts"]]
    assert [alone.digest_of(statement) for statement in statements] == told["receipt_digests"]
    assert [leaf["hash"] for leaf in told["leaves"]] == [
        alone.leaf_hash(leaf["data"].encode()).hex() for leaf in told["leaves"]
    ]


def run(folder: Path, bundle: str, **case: Any) -> subprocess.CompletedProcess[str]:
    """The verifier, alone in a folder, with what the case holds."""
    line = [sys.executable, "-I", shutil.copy(SOURCE, folder), str(FOLDER / bundle), "--key", KEYS["notary_vkey"]]
    if "checkpoint" in case:
        (folder / "earlier").write_text(case["checkpoint"])
        line += ["--checkpoint", "earlier"]
    if "receipts" in case:
        (folder / "receipts").write_text(json.dumps(case["receipts"]))
        line += ["--receipt", "receipts", "--receipt-key", KEYS["receipt_key_hex"]]
    return subprocess.run(line, capture_output=True, text=True, cwd=folder, timeout=60)


@pytest.mark.parametrize("case", CASES, ids=[f"{case['bundle']}-{len(case)}" for case in CASES])
def test_it_finds_in_each_bundle_what_there_is(case: dict[str, Any], tmp_path: Path) -> None:
    held = {name: what for name, what in case.items() if name not in ("bundle", "findings")}
    done = run(tmp_path, case["bundle"], **held)
    kinds = {line.split(":")[0] for line in done.stdout.splitlines()}
    if case["findings"]:
        assert (done.returncode, kinds) == (1, set(case["findings"]))
    else:
        assert done.returncode == 0, done.stdout + done.stderr
        assert "proven: everything in this bundle" in done.stdout
        assert ("NOT proven: what the receipts held" in done.stdout) == ("receipts" not in held)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format":"pr-telemetry-bundle/1"}', "\udcff"])
def test_what_is_no_bundle_is_unreadable(content: str, tmp_path: Path) -> None:
    bundle = tmp_path / "x.prbundle"
    bundle.write_bytes(content.encode(errors="surrogateescape"))
    done = run(tmp_path, str(bundle))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("unreadable: ")
