"""The AuroraX API, as its service answers, over synthetic sample data.

server.py             the archive on a port of its own, and how it is set up
source_routes.py      data sources: listed, added, changed, deleted
search_routes.py      searches: asked for, polled, fetched, cancelled
managing.py           records: pushed and deleted
availability.py       how many records a source has on each day
utility_routes.py     beside the data: descriptions, requests, time zones, sessions
files.py              the host of the products' files
accounts.py           who asks, and what they may do
answers.py            the forms of its answers, and errors in one form
parameters.py         parameters of paths and URLs
streaming.py          a body sent piece by piece
committing.py         which request meets which fault
faults.py             what can go wrong on demand, in one table
queries.py            what searches ask for, read from their JSON
conjunction_query.py  what a conjunction search asks for
filters.py            filters on the metadata of records
describing.py         a query in words that resemble SQL
searches.py           searches that go on while they are polled, and whose results expire
requests.py           a search request, as it is kept and as it is told
finding.py            what a search finds
conjunctions.py       when sources are close to each other
counting.py           how many records there are
holdings.py           what there is of a source: the sample, and what was uploaded
spool.py              results as files
shapes.py             which fields of a record are told
uploads.py            uploaded records, checked one by one
ingestion.py          what was accepted is stored a little later
catalog.py            sources, uploads and requests, in SQLite
sources.py            what a data source is
sample.py             whose data the sample is
orbits.py             where the sample's spacecraft are, minute by minute
products.py           the sample's data products
images.py             what is in those files
times.py              moments as AuroraX writes them
"""
