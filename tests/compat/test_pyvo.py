"""pyvo, the standard client of TAP, finds nothing amiss with the embedded LSST archive."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.compat.conftest import installed

from imap_bulk.server.lsst.server import LsstOptions, LsstServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = [pytest.mark.compat, pytest.mark.timeout(400)]

VERSION = "1.9.1"
TABLE = "DC_W13_Stripe82.Object"


@pytest.fixture(scope="module")
def with_pyvo(pytestconfig: pytest.Config) -> Path:
    """Make the client's environment."""
    return installed(pytestconfig, "pyvo", VERSION)


@pytest.fixture
async def lsst(tmp_path: Path) -> AsyncIterator[LsstServer]:
    async with LsstServer(LsstOptions(root=tmp_path, rows=400)) as server:
        yield server


async def ask(python: Path, server: LsstServer, query: str, **options: Any) -> dict[str, Any]:
    """Run a query by pyvo in a process of its own; return ids as text, nulls, and how it went."""
    program = f"""
import json, pyvo
service = pyvo.dal.TAPService({f"{server.url}/db/v0/tap"!r})
try:
    result = service.run_sync({query!r}, **{options!r})
except pyvo.dal.DALQueryError as error:
    print(json.dumps({{"error": str(error)}}))
else:
    table = result.to_table()
    first = table.columns[0]
    print(json.dumps({{
        "status": result.queryStatus if hasattr(result, "queryStatus") else result.status[0],
        "names": table.colnames,
        "first": [str(value) for value in first],
        "nulls": [int(getattr(column, "mask", [False]).__class__.__name__ != "list" and column.mask.sum())
                  for column in table.columns.values()],
    }}))
"""
    process = await asyncio.create_subprocess_exec(
        python, "-W", "error::astropy.io.votable.exceptions.VOWarning", "-c", program,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    told = json.loads(out)
    assert isinstance(told, dict)
    return told


async def test_it_gets_exact_ids_and_nulls(with_pyvo: Path, lsst: LsstServer) -> None:
    told = await ask(with_pyvo, lsst, f"SELECT id, ra, fluxSigma, note FROM {TABLE} ORDER BY id DESC")
    assert told["names"] == ["id", "ra", "fluxSigma", "note"]
    assert (len(told["first"]), told["first"][0]) == (400, str(2**53 + 1 + 2 * 19))
    assert told["nulls"][0] == 0
    assert told["nulls"][2] > 0


async def test_it_understands_top_and_an_empty_result(with_pyvo: Path, lsst: LsstServer) -> None:
    assert len((await ask(with_pyvo, lsst, f"SELECT TOP 5 id FROM {TABLE}"))["first"]) == 5
    assert (await ask(with_pyvo, lsst, f"SELECT id, note FROM {TABLE} WHERE id < 0"))["first"] == []


async def test_it_is_told_of_an_overflow(with_pyvo: Path, lsst: LsstServer) -> None:
    told = await ask(with_pyvo, lsst, f"SELECT id FROM {TABLE}", maxrec=7)
    assert (told["status"], len(told["first"])) == ("OVERFLOW", 7)


async def test_it_is_told_what_is_wrong_with_a_statement(with_pyvo: Path, lsst: LsstServer) -> None:
    assert "doesn't exist" in (await ask(with_pyvo, lsst, "SELECT * FROM nowhere.at_all"))["error"]
