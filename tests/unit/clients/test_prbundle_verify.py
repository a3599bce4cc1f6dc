"""The stand-alone verifier passes the published vectors, as one file that needs nothing of ours."""

from __future__ import annotations

import ast
import base64
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from clients.verifier import prbundle_verify as alone
from tests.support.vectors import FOLDER, files

SOURCE = Path(alone.__file__)
OTHER_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
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
    other = alone.read_vkey(OTHER_VKEY)
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


def run(
    folder: Path, bundle: str, *more: str, key: str = KEYS["notary_vkey"], **case: Any
) -> subprocess.CompletedProcess[str]:
    """The verifier, alone in a folder, with what the case holds."""
    line = [sys.executable, "-I", shutil.copy(SOURCE, folder), str(FOLDER / bundle), "--key", key, *more]
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
        assert "log.example/bundles, size 12, signed at 20" in done.stdout
        assert re.search("proven: revision 2, leaf [0-9]+: events 9, chunks 3\n", done.stdout)
        assert ("NOT proven: what the receipts held" in done.stdout) == ("receipts" not in held)


_, NOTARY = alone.read_vkey(KEYS["notary_vkey"])
PUBLIC = Ed25519PublicKey.from_public_bytes(NOTARY)
JWK = base64.urlsafe_b64encode(NOTARY).decode().rstrip("=")
SPELLINGS = {
    "vkey": KEYS["notary_vkey"],
    "hex": NOTARY.hex(),
    "base64": base64.b64encode(NOTARY).decode(),
    "pem": PUBLIC.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
    "published vkeys": json.dumps({"keys": [{"vkey": KEYS["notary_vkey"]}]}),
    "published JWK": json.dumps({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": JWK}]}),
    "two lines": f"{OTHER_VKEY}\n{NOTARY.hex()}\n",
}


@pytest.mark.parametrize("form", SPELLINGS)
@pytest.mark.parametrize("by_file", [True, False])
def test_a_key_is_taken_in_each_form_as_text_and_as_file(form: str, by_file: bool, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(SPELLINGS[form] + "\n")
    done = run(tmp_path, "honest.prbundle", key="key" if by_file else SPELLINGS[form])
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("form", ["hex", "base64", "pem"])
def test_another_key_proves_nothing_in_any_form(form: str, tmp_path: Path) -> None:
    other = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\x09").public_key()
    pem = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    raw = other.public_bytes_raw()
    key = {"hex": raw.hex(), "base64": base64.b64encode(raw).decode(), "pem": pem}[form]
    done = run(tmp_path, "honest.prbundle", key=key)
    assert (done.returncode, done.stdout.split(":")[0]) == (1, "bad_checkpoint")


def _pem_of_p256() -> str:
    public = ec.derive_private_key(7, ec.SECP256R1()).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize(
    "wrong",
    [
        *(
            "",
            "absent.json",
            NOTARY.hex()[:-1],
            KEYS["notary_vkey"][:-1] + "A",
            '{"keys":[{"kty":"RSA","crv":""}]}',
            "{",
        ),
        *(_pem_of_p256(), "-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----"),
    ],
)
def test_what_is_no_key_is_unreadable(wrong: str, tmp_path: Path) -> None:
    done = run(tmp_path, "honest.prbundle", key=wrong)
    assert (done.returncode, done.stdout) == (2, ""), done.stdout
    assert done.stderr.startswith("unreadable: ")
    assert len(done.stderr.splitlines()) == 1


def test_json_names_the_checkpoint_and_the_revision_that_were_proven(tmp_path: Path) -> None:
    report = json.loads(run(tmp_path, "honest.prbundle", "--json").stdout)
    bundle = json.loads((FOLDER / "honest.prbundle").read_text())
    origin, size, root = bundle["checkpoint"].split("\n")[:3]
    checkpoint = {"origin": origin, "size": int(size), "root": root, "signed_at": "2025-10-11T08:53:20Z"}
    assert (report["holds"], report["trace_id"], report["checkpoint"]) == (True, bundle["trace_id"], checkpoint)
    revision = report["revision"]
    [part] = [part for part in bundle["leaves"] if part["index"] == revision["leaf"]]
    assert json.loads(part["record"])["head"] == revision["head"]
    assert (revision["revision"], revision["events"], revision["chunks"]) == (2, 9, 3)
    assert (len(report["proven"]), len(report["not_proven"]), report["findings"]) == (2, 2, [])


def test_json_of_an_altered_bundle_has_findings_and_proves_nothing(tmp_path: Path) -> None:
    done = run(tmp_path, "truncated.prbundle", "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["holds"], report["proven"]) == (1, False, [])
    assert {finding["kind"] for finding in report["findings"]} == {"broken_chain", "count_mismatch", "head_mismatch"}


def test_an_earlier_bundle_serves_as_the_checkpoint_held(tmp_path: Path) -> None:
    done = run(tmp_path, "honest.prbundle", checkpoint=(FOLDER / "honest.prbundle").read_text())
    assert "\nproven: this log is the one that was seen earlier" in done.stdout


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format":"pr-telemetry-bundle/1"}', "\udcff"])
def test_what_is_no_bundle_is_unreadable(content: str, tmp_path: Path) -> None:
    bundle = tmp_path / "x.prbundle"
    bundle.write_bytes(content.encode(errors="surrogateescape"))
    done = run(tmp_path, str(bundle))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("unreadable: ")
