"""The demonstration of IMAP's archive: sample files pushed, queried, pulled and verified."""

import asyncio
import hashlib
import random
import time
from filecmp import cmp
from pathlib import Path

from imap_bulk import filenames
from imap_bulk.cli import words
from imap_bulk.cli.demo.shell import DemoFailed, Shell, home_at, say
from imap_bulk.cli.ending import ExitCode
from imap_bulk.cli.streams import shell_word

_SEED = 20250924  # the day of the launch: every demonstration moves the same bytes
_KIB = 1 << 10
_SIZES = tuple(size * _KIB for size in (1, 3, 8, 16, 40, 64, 150, 256, 512, 1024, 3000, 8192))
_NAMES = (
    *(f"imap_mag_l1a_norm-raw_202601{day:02}_v001.0001.cdf" for day in range(1, 6)),
    *(f"imap_swe_l0_raw_202601{day:02}_v001.pkts" for day in range(1, 4)),
    *(f"imap_lo_l1b_de_202601{day:02}-repoint{day + 110:05}_v001.0002.cdf" for day in range(1, 5)),
    *(f"imap_swapi_l2_sci_202601{day:02}_v002.0001.cdf" for day in range(1, 4)),
    "imap_ultra_l1c_45sensor-spacecraftpset_20260103_v001.0001.cdf",
    "imap_mag_l2-calibration_20260101_20260131_v001.cdf",
    "imap_swapi_energy-gf-sw-lut_20260101_v001.csv",
    "imap_lo_efficiency-factors_20260101_v002.csv",
    "naif0012.tls",
    "imap_sclk_0147.tsc",
    "imap_2026_001_2026_002_001.ah.bc",
    "imap_2026_002_2026_003_001.ah.bc",
    "imap_2026_001_2026_002_01.spin",
)
_SUMS = "sums.txt"


async def show(keep: Path | None) -> ExitCode:
    """Run the demonstration below `keep`, or in a temporary directory. Raises DemoFailed, OSError."""
    from imap_bulk.server.app import ArchiveServer, ServerOptions

    started = time.monotonic()
    with home_at(keep) as home:
        total = await asyncio.to_thread(_write_samples, home / "outbox")
        say(f"In {home}: {len(_NAMES)} sample files, {words.size(total)}, and a manifest of them.", before="")
        async with ArchiveServer(ServerOptions(home / "archive", grace=1.0)) as server:
            say(f"At {server.url}: an archive that speaks the IMAP API, on this machine.", before="")
            await _tell(Shell(server.url, home))
        await asyncio.to_thread(_compare, home)
        _conclude(home if keep else None, time.monotonic() - started)
    return ExitCode.DONE


async def _tell(shell: Shell) -> None:
    sums = f"outbox/{_SUMS}"
    say("Push what the manifest lists. Its digests are checked before the last byte leaves.")
    await shell.run("push", sums)
    say("Ask what the archive has.")
    await shell.run("query", "--instrument", "mag,swe", "--start-date", "20260101", "--end-date", "20260102")
    say("Pull all science files that start in the first days of 2026.")
    await shell.run("pull", "--start-date", "20260101", "--end-date", "20260105")
    say("Pull the whole manifest: science files are there already, the others come.")
    await shell.run("pull", sums)
    say("Read everything back from the disk.")
    await shell.run("verify")


def _write_samples(directory: Path) -> int:
    """Write the sample files and their manifest; return their bytes."""
    directory.mkdir(parents=True, exist_ok=True)
    chance = random.Random(_SEED)  # noqa: S311  sample data guard nothing
    total = 0
    sums: list[str] = []
    for number, name in enumerate(_NAMES):
        content = chance.randbytes(_SIZES[number % len(_SIZES)])
        (directory / name).write_bytes(content)
        sums.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
        total += len(content)
    (directory / _SUMS).write_text("".join(sums), encoding="utf-8")
    return total


def _compare(home: Path) -> None:
    """Hold what was pulled to what was pushed, byte by byte."""
    for name in _NAMES:
        pulled = home / "pulled" / filenames.parse(name).key
        if not cmp(home / "outbox" / name, pulled, shallow=False):
            raise DemoFailed(f"{pulled} is not what was pushed")


def _conclude(kept: Path | None, seconds: float) -> None:
    say(
        f"Done in {words.duration(seconds)}: {len(_NAMES)} files went to the archive and came back, "
        "each verified on both ways, byte for byte the same."
    )
    if kept:
        say(f"The archive stays in {kept / 'archive'}. Go on with:", before="")
        say(f"  imap-bulk serve --root {shell_word(str(kept / 'archive'))}", before="")
    else:
        say("The files are gone again; `imap-bulk demo --keep DIR` keeps them.", before="")
        say("Go on with `imap-bulk query -h`, and from there with the real archive.", before="")
