"""Results: one dated JSON file a session, with every round."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DIRECTORY = Path(__file__).parent / "results"


def save(result: dict[str, Any], directory: Path = DIRECTORY) -> Path:
    """Keep a result; a second one of the same day gets a number. Raises OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    stem = f"{result['date'][:10]}-{title(result)}"
    path = directory / f"{stem}.json"
    number = 2
    while path.exists():
        path = directory / f"{stem}-{number}.json"
        number += 1
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return path


def title(result: Mapping[str, Any]) -> str:
    """Name what was measured: the workload, and how far it went where that was not over the loopback."""
    distance = (result["network"].get("link") or {}).get("asked", "")
    plain = distance.replace(",", "-loss").rstrip("%")
    return f"{result['workload']['name']}-{plain}".rstrip("-")


def latest(directory: Path = DIRECTORY) -> list[dict[str, Any]]:
    """Load the newest whole result of each workload and distance, by name. Raises OSError, ValueError."""
    kept = sorted((load(path) for path in directory.glob("*.json")), key=lambda result: str(result["date"]))
    newest = {title(result): result for result in kept if result["workload"]["scale"] == 1}
    return [newest[name] for name in sorted(newest)]


def load(path: Path) -> dict[str, Any]:
    """Read a result. Raises OSError, ValueError."""
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if result.get("schema") != 1:
        raise ValueError(f"{path} is no result of these benchmarks")
    return result
