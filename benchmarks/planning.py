"""How long a large manifest takes before the first byte moves, and how long when all of it is there already.

    python -m benchmarks.planning                     a million files, some minutes; makes as many empty files
    python -m benchmarks.planning --files 100000      fewer

Sums with nothing there yet, then plain names of files that an earlier run brought. Each plan is made in a process
of its own, which moves nothing, because the archive does not answer: "checked" is the time until every line was
read and found right, "asked" until the archive was asked for the first file, "in all" until it was known what is
to move. All are counted from the start of the process.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.test_scale import bring, keys, manifest


def main() -> None:
    """Measure, and print."""
    options = _parse()
    with tempfile.TemporaryDirectory(dir=options.into) as place:
        root = Path(place)
        names, sums, data = root / "names.txt", root / "sums.txt", root / "data"
        with names.open("w") as file:  # not at once: a child begins with its parent's peak memory
            file.writelines(f"{key.rpartition('/')[2]}\n" for key in keys(options.files))
        manifest(sums, options.files)
        _tell("sums, nothing there", sums, root / "empty")
        bring(data, options.files)
        _tell("names, all there", names, data)


def _tell(title: str, source: Path, data: Path) -> None:
    command = [sys.executable, "-m", "tests.planner", str(source), str(data)]
    told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    asked = f"asked {told['asked']:6.1f} s" if "asked" in told else f"{'asked nothing':14}"
    print(
        f"{title:22}{told['files']:10,} to do {told['skipped']:10,} there  checked {told['checked']:6.1f} s  "
        f"{asked}  in all {told['planned']:6.1f} s  CPU {told['cpu']:6.1f} s  peak {told['peak_mib']:4.0f} MiB",
        flush=True,
    )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.planning", description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--into", metavar="DIR", help="the disk to measure; else that of temporary files")
    return parser.parse_args()


if __name__ == "__main__":
    main()
