"""Which fields of a record are told: a tree of booleans, as response formats spell it."""

from collections.abc import Callable, Mapping
from typing import Any

from imap_bulk.server.aurorax.answers import bad_request
from imap_bulk.server.aurorax.sources import Format, Source

_SOURCES = ("data_source", "data_sources", "events", "e1_source", "e2_source")
"""The fields of a record that hold sources, or records that hold them."""

_MORE = ("owner", "maintainers", "metadata", "ephemeris_metadata_schema", "data_product_metadata_schema")

Reshape = Callable[[dict[str, Any]], dict[str, Any]]


def reshaped(tree: object, sources: Mapping[int, Source]) -> Reshape:
    """Return what leaves of a record the fields that are true in the tree. Raises Refused.

    A tree may ask for more of a source than a stored record tells; `sources` know it by identifier.
    """
    if not isinstance(tree, dict):
        raise bad_request("The response format must be an object of booleans.")
    if not _asks_for_more(tree):
        return lambda record: _pruned(record, tree)
    fuller = with_sources(Format.FULL, sources)
    return lambda record: _pruned(fuller(record), tree)


def with_sources(form: Format, sources: Mapping[int, Source]) -> Reshape:
    """Return what tells the source of a record in another format."""
    told = {identifier: source.in_record(form) for identifier, source in sources.items()}

    def reshape(record: dict[str, Any]) -> dict[str, Any]:
        return {name: _retold(value, told) if name in _SOURCES else value for name, value in record.items()}

    return reshape


def _retold(value: Any, told: Mapping[int, dict[str, Any]]) -> Any:
    if isinstance(value, list):
        return [_retold(each, told) for each in value]
    if "identifier" in value:
        return told.get(value["identifier"], value)
    return {name: _retold(each, told) if name in _SOURCES else each for name, each in value.items()}


def _asks_for_more(tree: Mapping[str, Any]) -> bool:
    return any(
        any(wanted.get(field) for field in _MORE) or _asks_for_more(wanted)
        for name, wanted in tree.items()
        if name in _SOURCES and isinstance(wanted, dict)
    )


def _pruned(value: Any, tree: Mapping[str, Any]) -> Any:
    if isinstance(value, (list, tuple)):
        return [_pruned(each, tree) for each in value]
    if not isinstance(value, dict):
        return value
    kept = {}
    for name, wanted in tree.items():
        if wanted is True and name in value:
            kept[name] = value[name]
        elif isinstance(wanted, dict) and name in value:
            kept[name] = _pruned(value[name], wanted)
    return kept
