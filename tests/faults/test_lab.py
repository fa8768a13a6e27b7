"""The fault lab, for our own column: every cell is OK."""

import pytest
from tests.faults import lab
from tests.faults.rivals import OURS


async def test_every_cell_of_ours_is_ok() -> None:
    rows = await lab.run([OURS], seed=1, idle=0.5)
    assert [title for title, _ in rows] == list(lab.TITLES)
    assert {title: cell for title, cell in rows if cell != "OK"} == {}


@pytest.mark.parametrize("cell", ["CORRUPT", "HUNG", "LEAKED", "FAIL", "OK (not met)", "not sent"])
def test_any_other_cell_of_ours_fails_the_lab(cell: str) -> None:
    assert lab.exit_code([OURS, "another"], [["none", "OK", "OK"], ["flip", cell, "OK"]]) == 1


def test_the_cells_of_others_do_not_fail_the_lab() -> None:
    assert lab.exit_code(["another", OURS], [["none", "OK", "OK"], ["flip", "CORRUPT", "OK"]]) == 0
    assert lab.exit_code(["another"], [["flip", "CORRUPT"]]) == 0
