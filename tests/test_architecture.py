"""The floors of the house: imports point down, never sideways, and each foreign thing has one door."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "imap_bulk"
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")

FLOORS = [
    {"errors", "digest", "stamp", "urls", "quantities", "sigv4", "spice_names"},
    {"name_forms"},
    {"model", "settings", "filenames", "environment"},
    {"http", "retry", "manifest", "lockfile", "usual", "cache", "bucket", "journal"},
    {"listing"},
    {"transport"},
    {"engine", "archives", "server", "sources"},
    {"placing", "processes", "delivery"},
    {"bulk", "doctor", "fixity", "mirror", "status"},
    {"pinning", "records"},
    {"aio", "fanout", "report"},
    {"blocking"},
    {"cli", "testdata"},
    {"pytest_plugin"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

DOORS = {
    "anycrc": {"digest"},
    "aiofiles": {"server.objects"},
    "aiohttp": {
        "transport.general",
        *(f"server.{room}" for room in ("app", "cors", "listening", "openapi", "page", "storage", "wire")),
        "server.aurorax.",
        "server.lsst.",
        *(f"server.imap.{room}" for room in ("routes", "gateway", "keys")),
        *(f"server.chaos.{room}" for room in ("chaos", "fault", "body", "ranges", "status", "put")),
    },
    "distributed": {"fanout."},
    "httptools": {"transport.head"},
    "astropy": {"archives.lsst.", "server.lsst."},
    "click": {"cli."},
    "obstore": {"bucket", "delivery.", "server.s3"},
    "platformdirs": {"environment"},
    "pytest": {"pytest_plugin"},
    "sqlite3": {"doctor.", "journal.", "listing", "server.catalog", "server.aurorax.", "server.lsst."},
    "tenacity": {"retry"},
    "tqdm": {"cli.console"},
}
"""Foreign thing -> the modules that may import it; a dot at the end opens the whole room."""


@cache
def modules() -> list[str]:
    paths = sorted(PACKAGE.rglob("*.py"))
    return [".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in paths]


@cache
def imports(module: str) -> frozenset[str]:
    """Return the full names that a module imports, also inside functions."""
    return frozenset(_imports(module))


def _imports(module: str) -> Iterator[str]:
    path = PACKAGE / (module.replace(".", "/") + ".py")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms_imported(module: str) -> set[str]:
    own = (name.split(".")[1] for name in imports(module) if name.startswith("imap_bulk."))
    return {room for room in own if room in FLOOR}


def arrows() -> list[tuple[str, str]]:
    pairs = {(module, room) for module in modules() for room in rooms_imported(module)}
    return sorted(pair for pair in pairs if pair[0].split(".")[0] != pair[1])


@pytest.mark.parametrize(("module", "room"), arrows(), ids=lambda value: value)
def test_imports_point_down(module: str, room: str) -> None:
    importer = module.split(".")[0]
    if importer in {"__init__", "__main__"}:
        return
    assert FLOOR[importer] > FLOOR[room]


@pytest.mark.parametrize("module", modules())
def test_every_module_has_a_floor(module: str) -> None:
    assert module.split(".")[0] in {*FLOOR, "__init__", "__main__"}


@pytest.mark.parametrize("module", [name for name in modules() if name.startswith("archives.")])
def test_an_archive_knows_no_other_archive(module: str) -> None:
    own = module.split(".")[1]
    others = {name.split(".")[2] for name in imports(module) if name.startswith("imap_bulk.archives.")}
    assert others <= {own, "base"}


def may_use(module: str, foreign: str) -> bool:
    return any(module == door or (door.endswith(".") and module.startswith(door)) for door in DOORS[foreign])


@pytest.mark.parametrize("foreign", DOORS)
def test_each_foreign_thing_has_its_doors(foreign: str) -> None:
    users = {module for module in modules() for name in imports(module) if name.split(".")[0] == foreign}
    assert not {module for module in users if not may_use(module, foreign)}


def test_the_environment_is_read_in_one_place() -> None:
    readers = {
        module
        for module in modules()
        if "os.environ" in (text := (PACKAGE / (module.replace(".", "/") + ".py")).read_text(encoding="utf-8"))
        or "getenv" in text
    }
    assert readers <= {"environment"}


def drawn(picture: str) -> list[str]:
    """Return the modules that a picture draws, by their places in it: two blanks to the right for each room."""
    places: list[str] = []
    found = []
    for blanks, name, kind in re.findall(r"^( *)(\w+)(/|\.py) ", picture, re.MULTILINE):
        depth = len(blanks) // 2
        places[depth:] = [name]
        if kind == ".py":
            found.append(".".join(places))
    return found


def test_every_module_is_drawn_once_and_where_it_is() -> None:
    found: list[str] = []
    for path in PACKAGE.rglob("__init__.py"):
        room = ".".join(path.parent.relative_to(PACKAGE).parts)
        picture = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        if not room:
            picture = picture.replace("\n    ", "\n")  # that of the whole house is indented
        found += [f"{room}.{module}" if room else module for module in drawn(picture)]
    assert sorted(found) == [
        module for module in modules() if module.split(".")[-1] not in {"__init__", "__main__"}
    ]


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([a-z_/]+(?:\.py|/))`", ARCHITECTURE))))
def test_what_the_page_on_the_architecture_names_is_there(name: str) -> None:
    assert (PACKAGE / name).exists() or (ROOT / name).exists()
