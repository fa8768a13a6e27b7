"""Files at rest: verify, with repair and sums, and bag."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imap_bulk.cli import options, words
from imap_bulk.cli.console import Console
from imap_bulk.cli.ending import ExitCode, code_of, run
from imap_bulk.cli.place import Place
from imap_bulk.cli.words import Verb
from imap_bulk.model import Event, Outcome, RemoteFile, Result, Sample, Status
from imap_bulk.settings import Settings

if TYPE_CHECKING:
    from imap_bulk.bulk import Report

_SAMPLE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%|([0-9]{1,12})")


def _sample(_context: click.Context, _parameter: click.Parameter, text: str | None) -> Sample | None:
    """Read a share or a count. Raises click.BadParameter."""
    if text is None:
        return None
    match = _SAMPLE.fullmatch(text)
    if match and match[1] and 0 < float(match[1]) <= 100:
        return Sample(share=float(match[1]) / 100)
    if match and match[2] and int(match[2]):
        return Sample(count=int(match[2]))
    raise click.BadParameter("write a share up to 100%, or a number of files, as in 5% or 200.")


@click.command(short_help="Re-read files and hold them to their digests.")
@click.argument("manifests", nargs=-1, metavar="[MANIFEST|BAG]...")
@click.option("--sample", callback=_sample, metavar="5%|N", help="Look at some of the files only.")
@click.option("--seed", metavar="TEXT", help="What chooses the sample.  [default: the day, in UTC]")
@click.option("--repair", is_flag=True, help="Pull again what is wrong or missing, and nothing else.")
@click.option("--checksums", is_flag=True, help="Print what is recorded, for sha256sum -c; verify nothing else.")
@click.option(
    "-j", "--jobs", type=click.IntRange(1, 512), default=options.DEFAULT.jobs, show_default=True, metavar="N",
    help="Files that are read at once.",
)  # fmt: skip
@options.quiet
@options.as_json
@click.pass_obj
def verify(
    place: Place, manifests: tuple[str, ...], sample: Sample | None, seed: str | None, repair: bool,
    checksums: bool, jobs: int, quiet: bool, as_json: bool,
) -> ExitCode:  # fmt: skip
    """Re-read what is in the data directory, and hold it to the digests of manifests, or else to those recorded.

    A BAG is a directory with bagit.txt (RFC 8493); it is held to its own manifests.

    \b
    Examples:
      imap-bulk --data-dir /data verify
      imap-bulk --data-dir /data verify sums.txt --repair
      imap-bulk verify --sample 5% --seed week-31
      cd /data && imap-bulk --data-dir . verify --checksums | sha256sum -c
    """
    if checksums:
        if manifests or repair or sample:
            raise click.UsageError("--checksums prints what is recorded: give no manifest, --repair or --sample.")
        return _print_sums(place)
    bag = Path(manifests[0]) if len(manifests) == 1 and _is_bag(manifests[0]) else None
    if bag and repair:
        raise click.UsageError("A bag cannot be repaired; pull its files anew, and make another one.")
    settings = Settings(jobs=jobs)
    if repair:
        place.imap(settings)  # what cannot be asked is told before hours of reading, not behind them
    if not manifests and not place.data_dir.exists():
        cure = "pull something, or name the data directory by --data-dir or IMAP_DATA_DIR"
        raise click.UsageError(f"there is no directory {place.data_dir}; {cure}.")
    wrong: list[RemoteFile] = []
    with Console(Verb.VERIFY, quiet=quiet, json=as_json) as console:
        if sample:
            sample = Sample(sample.share, sample.count, seed or datetime.now(UTC).date().isoformat())
        result = _verify(bag or place.data_dir, _listed(bag, manifests), settings, _noting(wrong, console), sample)
        _tell(console, result, place, sample, can_repair=bool(wrong) and not (repair or bag))
    if not (repair and wrong):
        return code_of(result)
    return _repair(place, wrong, result, settings, Console(Verb.REPAIR, quiet=quiet, json=as_json))


def _is_bag(source: str) -> bool:
    from imap_bulk.fixity import is_bag

    return is_bag(Path(source))


def _listed(bag: Path | None, manifests: tuple[str, ...]) -> Iterable[RemoteFile] | None:
    if bag:
        from imap_bulk.fixity import files_of_bag

        return files_of_bag(bag)
    if manifests:
        from imap_bulk.sources import files_of

        return files_of(manifests)
    return None


def _verify(
    root: Path, files: Iterable[RemoteFile] | None, settings: Settings, report: "Report", sample: Sample | None
) -> Result:
    from imap_bulk import bulk

    return run(bulk.verify(root, files, settings, report, sample))


def _noting(wrong: list[RemoteFile], console: Console) -> "Report":
    """Note what can be brought back, and pass everything on."""
    from imap_bulk.errors import Corrupted

    def report(event: Event) -> None:
        if isinstance(event, Outcome) and event.status is Status.FAILED and isinstance(event.error, Corrupted):
            wrong.append(RemoteFile(event.transfer.key, digest=event.transfer.digest))
        console(event)

    return report


def _tell(console: Console, result: Result, place: Place, sample: Sample | None, *, can_repair: bool) -> None:
    if not result.wanted:
        console.tell(f"Nothing is recorded below {place.data_dir}: pull something, or name a manifest.")
    elif sample:
        console.tell(f"This was a sample; --seed {sample.seed} chooses the same files again.")
    if can_repair:
        console.tell("To pull again what is wrong or missing, and nothing else: the same command with --repair.")


def _repair(
    place: Place, wrong: list[RemoteFile], verified: Result, settings: Settings, console: Console
) -> ExitCode:
    """Pull what was found wrong; each is held to the digest that it had, so no other bytes take its name."""
    from dataclasses import replace

    from imap_bulk import bulk

    again = replace(settings, overwrite=True)
    with console:
        result = run(bulk.pull(place.imap(again), bulk.each(wrong), place.data_dir, again, console))
    beyond_repair = verified.failed - len(wrong)
    return code_of(result) if not beyond_repair or not result.complete else ExitCode.FAILED


def _print_sums(place: Place) -> ExitCode:
    from imap_bulk import manifest
    from imap_bulk.fixity import Sum, sums

    code, root = ExitCode.DONE, place.data_dir.absolute()
    for each in sums(place.data_dir):
        if isinstance(each, Sum):
            path = Path(each.record.path)
            name = path.relative_to(root) if path.is_relative_to(root) else path
            click.echo("".join(manifest.write([(name.as_posix(), each.digest, None)])), nl=False)
        else:
            code = ExitCode.FAILED
            click.echo(f"Failed: {each}", err=True)
    return code


@click.command(short_help="Put what was pulled into a bag.")
@click.argument("directory", metavar="DIR", type=options.DIRECTORY)
@options.quiet
@click.pass_obj
def bag(place: Place, directory: Path, quiet: bool) -> ExitCode:
    """Copy every file that was pulled into a new bag (BagIt, RFC 8493), each held to its recorded digest.

    What is no longer right is named and left out.

    \b
    Examples:
      imap-bulk --data-dir /data bag /deposit/imap-2026
      imap-bulk verify /deposit/imap-2026
    """
    from imap_bulk.fixity import Bagged, write_bag

    files = total = failed = 0
    is_new = not directory.exists()
    for each in write_bag(place.data_dir, directory):
        if isinstance(each, Bagged):
            files, total = files + 1, total + each.bytes
        else:
            failed += 1
            click.echo(f"Failed: {each}", err=True)
    if not files and not failed:
        if is_new:
            directory.rmdir()
        click.echo(f"Nothing is recorded below {place.data_dir}, so there is no bag: pull something.", err=True)
        return ExitCode.FAILED
    if not quiet:
        left_out = f"; {failed} left out" if failed else ""
        click.echo(f"{words.files(files)} in the bag {directory}, {words.size(total)}{left_out}.")
    return ExitCode.FAILED if failed or not files else ExitCode.DONE
