"""R21: every bad line of a large manifest is told by its number, and nothing moves."""

import random
import re
from pathlib import Path

import pytest
from tests.faults.conftest import Faulty

from imap_bulk import errors

BAD = ["holiday.jpg", "../../etc/passwd", "imap_magg_l1a_norm_20260101_v001.cdf", "zz  x.cdf", "imap/../x"]


@pytest.mark.parametrize(
    "n_lines", [10_000, pytest.param(1_000_000, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])]
)
async def test_every_bad_line_of_a_large_manifest_is_named(faulty: Faulty, tmp_path: Path, n_lines: int) -> None:
    dice = random.Random(21)
    bad = sorted(dice.sample(range(1, n_lines + 1), n_lines // 100))
    lines = [f"imap_mag_l2_n{number}_20260101_v001.0001.cdf" for number in range(1, n_lines + 1)]
    for number in bad:
        lines[number - 1] = f"{dice.choice(BAD)}{number}"
    manifest = tmp_path / "wanted.txt"
    manifest.write_text("\n".join(lines) + "\n")
    bench = await faulty("streak=2")
    with pytest.raises(errors.BadManifest) as told:
        await bench.pull(str(manifest))
    assert [int(number) for number in re.findall(r"line ([0-9]+):", str(told.value))] == bad
    assert not (bench.data_dir / "imap").exists()
    assert bench.arrivals == []
