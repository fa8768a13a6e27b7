"""What a user of AuroraX does with the official client; runs in the client's own environment, prints JSON.

`python pyaurorax_script.py URL KEY` takes all the steps below in one process: to import the client takes seconds.
"""

import datetime
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import pyaurorax

START = datetime.datetime(2020, 1, 1, 0, 0)  # noqa: DTZ001 - the client takes none with a zone
MORNING = datetime.datetime(2020, 1, 1, 0, 59)  # noqa: DTZ001
EVENING = datetime.datetime(2020, 1, 1, 23, 59, 59)  # noqa: DTZ001
TEST = {"program": "test-program", "platform": "test-platform", "instrument_type": "test-instrument-type"}
QUICK = {"poll_interval": 0.05}

Client = Any


def sources(client: Client) -> Any:
    every = client.search.sources.list(include_stats=True, format="full_record")
    one = client.search.sources.get("trex", "gillam", "RGB ASI", format="full_record")
    few = client.search.sources.search(programs=["swarm"])
    return {
        "identifiers": [each.identifier for each in every],
        "stats": every[0].stats.ephemeris_count,
        "one": one.identifier,
        "few": [each.display_name for each in few],
    }


def unknown_source(client: Client) -> Any:
    return client.search.sources.get_using_identifier(12345678)


def ephemeris(client: Client) -> Any:
    found = client.search.ephemeris.search(
        START, MORNING, programs=["swarm"], platforms=["swarma"], instrument_types=["footprint"], **QUICK
    )
    first = found.data[0]
    return {
        "count": len(found.data),
        "epoch": str(first.epoch),
        "source": first.data_source.identifier,
        "metadata": sorted(first.metadata),
        "words": client.search.ephemeris.describe(search_obj=found),
    }


def filtered_ephemeris(client: Client) -> Any:
    north = client.search.MetadataFilterExpression("nbtrace_region", ["north polar cap"], "in")
    found = client.search.ephemeris.search(
        START, EVENING, programs=["swarm"], metadata_filters=client.search.MetadataFilter([north]), **QUICK
    )
    return {"regions": sorted({each.metadata["nbtrace_region"] for each in found.data})}


def formatted_ephemeris(client: Client) -> Any:
    tree = {"epoch": True, "location_geo": {"lat": True, "lon": True}}
    found = client.search.ephemeris.search(START, MORNING, programs=["swarm"], response_format=tree, **QUICK)
    return sorted(found.data[0])


def products(client: Client) -> Any:
    found = client.search.data_products.search(
        START, EVENING, programs=["trex"], platforms=["gillam"], data_product_types=["keogram"], **QUICK
    )
    return [[each.data_product_type, each.url, each.metadata, str(each.start)] for each in found.data]


def conjunctions(client: Client) -> Any:
    ground = client.search.GroundCriteriaBlock(programs=["themis-asi"])
    space = client.search.SpaceCriteriaBlock(programs=["swarm"])
    found = client.search.conjunctions.search(START, EVENING, 500, ground=[ground], space=[space], **QUICK)
    return [
        [each.min_distance, each.max_distance, len(each.data_sources), len(each.events)] for each in found.data
    ]


def near_a_place(client: Client) -> Any:
    place = client.search.CustomLocationsCriteriaBlock(locations=[(51.05, -114.07)])
    space = client.search.SpaceCriteriaBlock(programs=["swarm"], hemisphere=["northern"])
    found = client.search.conjunctions.search(
        START, EVENING, 1500, custom_locations=[place], space=[space], **QUICK
    )
    again = client.search.requests.get_status(found.request_url)
    lines = [line["level"] for line in client.search.requests.get_logs(found.request_url)]
    data = client.search.requests.get_data(found.data_url, skip_serializing=True)
    return [again["search_result"]["result_count"], len(data), lines]


def cancelled(client: Client) -> Any:
    search = client.search.ephemeris.search(START, EVENING, programs=["swarm"], return_immediately=True)
    search.cancel(wait=True, poll_interval=0.05)
    search.update_status()
    return search.status["search_result"]["error_condition"]


def availability(client: Client) -> Any:
    days = client.search.availability.ephemeris(START.date(), START.date(), program="swarm", platform="swarma")
    more = client.search.availability.data_products(START.date(), START.date(), program="trex")
    return [str(days[0].available_ephemeris), [str(each.available_data_products) for each in more]]


def uploads_ephemeris(client: Client) -> Any:
    source = client.search.sources.get(**TEST)
    record = client.search.EphemerisData(
        epoch=START, data_source=source, metadata={"test_meta1": "testing1"},
        location_geo=client.search.Location(lat=51.05, lon=-114.07),
        location_gsm=client.search.Location(lat=150.25, lon=-10.75),
        nbtrace=client.search.Location(lat=1.23, lon=45.6),
        sbtrace=client.search.Location(lat=7.89, lon=101.23),
    )  # fmt: skip
    client.search.ephemeris.upload(source.identifier, [record], validate_source=True)
    found = _until(lambda: _ephemeris_of(client), bool)
    client.search.ephemeris.delete(source, START, EVENING)
    left = _until(lambda: _ephemeris_of(client), lambda data: not data)
    return [found[0].metadata, found[0].location_geo.lat, len(left)]


def uploads_products(client: Client) -> Any:
    source = client.search.sources.get(**TEST)
    records = [
        client.search.DataProductData(
            data_source=source, data_product_type="keogram", start=START, end=EVENING, url=url,
            metadata={"keogram_type": "daily"},
        )
        for url in ("test1.jpg", "test2.jpg")
    ]  # fmt: skip
    client.search.data_products.upload(source.identifier, records, validate_source=True)
    found = _until(lambda: _products_of(client), bool)
    client.search.data_products.delete_urls(source, ["test1.jpg"])
    left = [each.url for each in _products_of(client)]
    for _ in range(2):  # the second time there is nothing left, and no URL is sent
        client.search.data_products.delete(source, START, EVENING)
    return [[each.url for each in found], left, len(_products_of(client))]


def manages_sources(client: Client) -> Any:
    made = client.search.sources.add(
        client.search.DataSource(
            program="test-program",
            platform="new",
            instrument_type="thing",
            source_type="ground",
            display_name="New",
        )
    )
    changed = client.search.sources.update(made.identifier, display_name="Newer")
    said = []
    sources = client.search.sources
    for refused, argument in ((sources.add, made), (sources.delete, 103)):
        try:
            refused(argument)
        except pyaurorax.AuroraXError as error:
            said.append(type(error).__name__)
    client.search.sources.delete(made.identifier)
    return [changed.display_name, changed.platform, said]


def requests(client: Client) -> Any:
    client.search.ephemeris.search(START, MORNING, programs=["swarm"], **QUICK)
    listed = client.search.requests.list(search_type="ephemeris")
    return [listed[0]["active"], listed[0]["result_count"]]


def _ephemeris_of(client: Client) -> Any:
    return client.search.ephemeris.search(START, EVENING, programs=[TEST["program"]], **QUICK).data


def _products_of(client: Client) -> Any:
    return client.search.data_products.search(START, EVENING, programs=[TEST["program"]], **QUICK).data


def _until(look: Callable[[], Any], is_enough: Callable[[Any], bool]) -> Any:
    """Look again until what was accepted shows."""
    for _ in range(50):
        if is_enough(seen := look()):
            return seen
        time.sleep(0.05)
    raise TimeoutError("what was accepted never shows")


def taken(step: Callable[[Client], Any], client: Client) -> Any:
    try:
        return step(client)
    except (pyaurorax.AuroraXError, ValueError) as error:
        return {"error": type(error).__name__, "message": str(error)}


STEPS = (
    sources, unknown_source, ephemeris, filtered_ephemeris, formatted_ephemeris, products, conjunctions,
    near_a_place, cancelled, availability, uploads_ephemeris, uploads_products, manages_sources, requests,
)  # fmt: skip


def main() -> None:
    url, key = sys.argv[1:]
    client = pyaurorax.PyAuroraX(api_base_url=url, api_key=key)
    print(json.dumps({step.__name__: taken(step, client) for step in STEPS}))


if __name__ == "__main__":
    main()
