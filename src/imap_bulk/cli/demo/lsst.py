"""The demonstration of LSST's archive: SQL, images, and cutouts at what the SQL has found."""

import time
from pathlib import Path

from imap_bulk.cli import words
from imap_bulk.cli.demo.shell import DemoFailed, Shell, home_at, say
from imap_bulk.cli.ending import ExitCode

_IMAGE = "5646240694"
_CALEXP = ("--level", "L2", "--collection", "DR1", "--kind", "calexp")
_ROWS = 8000
_PAGE = 5  # so that a list of eight has pages
_FIRST_ID = 2**53 + 1
_BRIGHT = "SELECT id, ra, decl, flux FROM DC_W13_Stripe82.Object ORDER BY flux DESC LIMIT 3"
_ALL = "SELECT id, ra, decl, flux FROM DC_W13_Stripe82.Object ORDER BY id"
_AROUND = f"""SELECT '{_IMAGE}' AS id, ra, decl, 'star' AS name FROM DC_W13_Stripe82.Object
WHERE note = 'star' AND scisql_s2PtInCircle(ra, decl, 37.6292, 0.1042, 0.01) = 1 ORDER BY flux DESC"""  # noqa: S608  our own words


async def show(keep: Path | None) -> ExitCode:
    """Run it below `keep`, or in a temporary directory. Raises DemoFailed, OSError, ExtraMissing."""
    from imap_bulk.server.lsst.server import LsstOptions, LsstServer

    started = time.monotonic()
    with home_at(keep) as home:
        (home / "pulled").mkdir(parents=True, exist_ok=True)
        (home / "stars.sql").write_text(_AROUND, encoding="utf-8")
        options = LsstOptions(home / "archive", rows=_ROWS, page_size=_PAGE, job_delay=0.5, grace=1.0)
        async with LsstServer(options) as server:
            say(f"At {server.url}: an archive that speaks LSST's Data Access API, on this machine.", before="")
            await _tell(Shell(server.url, home))
        cutouts = list((home / "pulled").rglob("*_cutout_*.fits"))
        if not cutouts:
            raise DemoFailed("no cutout came")
        _conclude(home if keep else None, len(cutouts), time.monotonic() - started)
    return ExitCode.DONE


async def _tell(shell: Shell) -> None:
    say("Ask which databases there are, and for the three brightest objects of one of them.")
    await shell.run("lsst", "list", "databases", "--level", "L2")
    await shell.run("lsst", "query", "--sql", _BRIGHT)
    say("Ask for a whole table in eight ranges of a column at once, and hold it to the archive's own count.")
    cuts = f"id:{_FIRST_ID}:{_FIRST_ID + 2 * _ROWS}:8"
    await shell.run("lsst", "query", "--sql", _ALL, "--partition", cuts, "--verify", "-o", "objects.csv")
    say("Pull all images of a kind. Each is held to the digest that the archive sends, and to its own checksums.")
    await shell.run("lsst", "pull", *_CALEXP)
    say("Cut an image at the stars that a query finds on it; the archive makes the cutouts, and we wait.")
    await shell.run("lsst", "query", "--sql", "@stars.sql", "-o", "stars.csv")
    await shell.run("lsst", "pull", *_CALEXP, "--cutouts", "stars.csv", "--size", "20arcsec", "--async")
    say("Read everything back from the disk.")
    await shell.run("verify")


def _conclude(kept: Path | None, cutouts: int, seconds: float) -> None:
    say(f"Done in {words.duration(seconds)}: 8 images and {cutouts} cutouts came, each verified.")
    if kept:
        say(f"They are in {kept / 'pulled' / 'lsst'}; any program that reads FITS shows them.", before="")
    else:
        say("The files are gone again; `imap-bulk demo --archive lsst --keep DIR` keeps them.", before="")
    say("No server of LSST's is live: go on with `imap-bulk lsst -h`, against an archive here.", before="")
