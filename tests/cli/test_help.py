"""Help, version, completion; and that none of them waits for what it does not need."""

import subprocess
import sys
from collections.abc import Callable

import pytest
from click.shell_completion import ShellComplete
from click.testing import Result

from imap_bulk import __version__
from imap_bulk.cli.main import cli

Run = Callable[..., Result]
COMMANDS = ["query", "pull", "push", "verify", "serve", "demo", "aurorax"]
FILTERS = [
    "--table", "--instrument", "--data-level", "--descriptor", "--start-date", "--end-date", "--today",
    "--days-ago", "--ingestion-start-date", "--ingestion-end-date", "--repointing", "--version", "--major-version",
    "--minor-version", "--extension", "--filename", "--type",
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_every_command_has_help(invoke: Run, command: str, option: str) -> None:
    shown = invoke(command, option)
    assert shown.exit_code == 0
    assert shown.stdout.startswith(f"Usage: cli {command} ")


def test_the_help_lists_every_command_and_every_exit_code(invoke: Run) -> None:
    text = invoke("-h").stdout
    assert all(f"\n  {command} " in text for command in COMMANDS)
    assert all(f"\n    {code} " in text for code in (0, 1, 2, 70, 74, 75, 130))


@pytest.mark.parametrize("command", ["query", "pull"])
def test_the_filters_are_those_of_the_official_client(invoke: Run, command: str) -> None:
    text = invoke(command, "-h").stdout
    assert all(f"\n  {name} " in text for name in FILTERS)


@pytest.mark.parametrize("command", ["pull", "push"])
def test_both_directions_have_the_transfer_options(invoke: Run, command: str) -> None:
    text = invoke(command, "-h").stdout
    for name in ("-j, --jobs", "--retries", "--dry-run", "--overwrite", "-q, --quiet", "--json"):
        assert name in text


def test_the_version_is_told(invoke: Run) -> None:
    assert invoke("--version").stdout == f"imap-bulk {__version__}\n"


@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], ["pull", "--help"], ["serve", "--help"], ["aurorax", "pull", "-h"]]
)
def test_help_does_not_wait_for_aiohttp_or_tqdm(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom imap_bulk.cli.main import cli\n"
        f"try: cli({arguments!r}, prog_name='imap-bulk')\nexcept SystemExit: pass\n"
        "print(sorted({'aiohttp', 'tqdm', 'sqlite3', 'tenacity'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("arguments", [[], ["fetch"], ["pull", "--no-such-option"]])
def test_wrong_usage_is_exit_code_2(invoke: Run, arguments: list[str]) -> None:
    assert invoke(*arguments).exit_code == 2


def test_a_global_option_behind_the_command_is_told_where_it_belongs(invoke: Run) -> None:
    ran = invoke("pull", "--data-dir", "here", "x")
    assert ran.exit_code == 2
    assert "--data-dir stands before the command: imap-bulk --data-dir … pull …" in ran.stderr


@pytest.mark.parametrize(
    ("option", "typed", "offered"),
    [
        ("--instrument", "ma", ["mag"]),
        ("--instrument", "mag,sw", ["mag,swapi", "mag,swe"]),
        ("--data-level", "l1c", ["l1c", "l1ca", "l1cb"]),
        ("--table", "", ["science", "ancillary", "spice"]),
        ("--type", "sp", ["spacecraft_clock", "spin"]),
        ("--extension", "c", ["cdf", "csv"]),
    ],
)
def test_the_shell_completes_values(option: str, typed: str, offered: list[str]) -> None:
    completer = ShellComplete(cli, {}, "imap-bulk", "_IMAP_BULK_COMPLETE")
    found = completer.get_completions(["pull", option], typed)
    assert [item.value for item in found] == offered
