"""How the embedded LSST archive starts: fast, once on a root, and not without its extra."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from tests.server.lsst.conftest import ROWS, Astronomer, StartLsst

from imap_bulk.server.lock import RootInUse
from imap_bulk.server.lsst import databases
from imap_bulk.server.lsst.server import ExtraMissing, LsstOptions, LsstServer


async def test_a_server_without_a_root_leaves_nothing_behind(start_lsst: StartLsst) -> None:
    astronomer = await start_lsst(root=None, rows=30)
    assert await astronomer.rows("SELECT count(*) FROM DC_W13_Stripe82.Object") == [[30]]


def test_databases_are_built_once(tmp_path: Path) -> None:
    first = {name: path.stat().st_mtime_ns for name, path in databases.build(tmp_path, rows=30, seed=0).items()}
    again = {name: path.stat().st_mtime_ns for name, path in databases.build(tmp_path, rows=30, seed=0).items()}
    other = {name: path.stat().st_mtime_ns for name, path in databases.build(tmp_path, rows=31, seed=0).items()}
    assert first == again
    assert not set(first.values()) & set(other.values())


def test_a_database_that_is_none_is_built_anew(tmp_path: Path) -> None:
    path = databases.build(tmp_path, rows=30, seed=0)["DR1"]
    built = path.read_bytes()
    path.write_bytes(b"no database at all" * 100)
    databases.build(tmp_path, rows=30, seed=0)
    assert path.read_bytes() == built


async def test_a_root_is_served_by_one_server(start_lsst: StartLsst, catalogue: Path) -> None:
    await start_lsst()
    with pytest.raises(RootInUse, match="served already"):
        await LsstServer(LsstOptions(root=catalogue, rows=ROWS)).__aenter__()


async def test_without_the_extra_the_server_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ExtraMissing, match=r"install imap-bulk\[lsst\]"):
        await LsstServer(LsstOptions(root=tmp_path)).__aenter__()


def test_a_bad_list_of_faults_is_told_before_anything_starts() -> None:
    with pytest.raises(ValueError, match="known faults"):
        LsstServer(LsstOptions(faults="nix*1"))


def test_importing_the_server_does_not_import_astropy() -> None:
    program = (
        "import sys, imap_bulk.server.lsst.server; sys.exit('astropy' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nix", 404), ("PUT", "/db/v0/tap/sync", 405)])
async def test_what_is_not_served_is_refused_in_json(
    astronomer: Astronomer, method: str, path: str, status: int
) -> None:
    answer = await astronomer.ask(path, method)
    assert (answer.status, "message" in answer.json) == (status, True)


async def test_a_bearer_token_is_nobodys_business(astronomer: Astronomer) -> None:
    answer = await astronomer.ask("/meta/v0/db", authorization="Bearer a.b.c")
    assert answer.status == 200
