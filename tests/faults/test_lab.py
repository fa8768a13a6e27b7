"""The fault lab, for our own column: every cell is OK."""

from tests.faults import lab


async def test_every_cell_of_ours_is_ok() -> None:
    rows = await lab.run([lab.OURS], seed=1, idle=0.5)
    assert len(rows) == len(lab.ROWS) + 1
    assert {title: cell for title, cell in rows if cell != "OK"} == {}
