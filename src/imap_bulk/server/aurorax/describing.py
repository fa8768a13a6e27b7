"""A query in words that resemble SQL."""

from collections.abc import Iterator, Mapping
from typing import Any

from imap_bulk.server.aurorax.requests import Kind

_FILTERS = {"ephemeris": "ephemeris_metadata_filters", "data_products": "data_product_metadata_filters"}
_FIELDS = {"programs": "program", "platforms": "platform", "instrument_types": "instrument_type"}


def described(kind: Kind, query: Mapping[str, Any]) -> str:
    """Describe a query that has been read without a complaint."""
    span = f"'{query['start']}' TO '{query['end']}'"
    if kind is Kind.CONJUNCTIONS:
        return _conjunction(query, span)
    conditions = list(_conditions(query["data_sources"], _FILTERS[kind]))
    if types := query.get("data_product_type_filters"):
        conditions.append(f"data_product_type IN ({_listed(types)})")
    where = " AND ".join(conditions) or "TRUE"
    return f"Find {kind.type.replace('_', ' ')} records for {span} WHERE {where}"


def _conjunction(query: Mapping[str, Any], span: str) -> str:
    types = ", ".join(query.get("conjunction_types") or ["nbtrace"])
    blocks = []
    for kind in ("ground", "space", "events"):
        for number, block in enumerate(query.get(kind) or [], start=1):
            where = " AND ".join(_conditions(block, _FILTERS["ephemeris"])) or "TRUE"
            blocks.append(f"{kind}{number}: ({where})")
    for number, block in enumerate(query.get("adhoc") or [], start=1):
        places = ", ".join(f"({place['lat']}, {place['lon']})" for place in block["locations"])
        blocks.append(f"adhoc{number}: (location IN {places})")
    limits = query.get("max_distances") or {}
    distances = ", ".join(
        f"{pair} {'any distance' if limit is None else f'<= {limit} km'}" for pair, limit in limits.items()
    )
    return (
        f"Find {types} conjunctions for {span} BETWEEN {' AND '.join(blocks)} WITH {distances or 'any distance'}"
    )


def _conditions(block: Mapping[str, Any], filters: str) -> Iterator[str]:
    for name, field in _FIELDS.items():
        if values := block.get(name):
            yield f"{field} IN ({_listed(values)})"
    wanted = block.get(filters) or {}
    joint = f" {str(wanted.get('logical_operator') or 'AND').upper()} "
    expressions = [
        f"{each['key']} {each['operator'].upper()} ({_listed(each['values'])})"
        for each in wanted.get("expressions") or []
    ]
    if expressions:
        yield f"({joint.join(expressions)})"


def _listed(values: Any) -> str:
    return ", ".join(f"'{value}'" for value in (values if isinstance(values, list) else [values]))
