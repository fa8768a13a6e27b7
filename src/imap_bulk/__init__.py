"""imap-bulk moves files of the IMAP mission in bulk: concurrent, retried, verified.

    cli/            PARSES, CALLS, PRINTS
      main.py         the click group and global options; errors become messages and exit codes
      imap.py         query · pull · push
      moving.py       a pull or a push of any archive
      verifying.py    verify · bag
      serving.py      serve
      local.py        demo
      upkeep.py       status · doctor
      standing.py     how things stand, in sentences and as JSON
      answering.py    how a served archive answers
      demo.py         the demonstration, told step by step
      demo_aurorax.py  that of AuroraX
      demo_lsst.py    that of LSST's archive
      locking.py      lock: a query becomes a lock file, or one is brought up to date
      pins.py         what people are told about lock files
      mirroring.py    pull --since: a mirror brought up to date
      caching.py      the options that choose a cache; cache info · prune
      aurorax/        AURORAX'S COMMANDS
        group.py        the group
        filters.py      the options of a search, as a query
        asking.py       availability · query
        sources.py      the data sources, listed and changed
        moving.py       pull · push · delete
        forms.py        the forms in which answers are printed
      lsst/           LSST'S COMMANDS
        door.py         where that archive is
        names.py        lsst list · schema
        query.py        lsst query: SQL, in parts
        pull.py         lsst pull: images and cutouts
      storing.py      where an embedded archive keeps its files
      options.py      the options that commands share, as plain values
      console.py      what a person or a program sees of a run: bar, rare lines, failures, summary
      meter.py        how far a run is, and how fast
      words.py        what people are told, in sentences
      events.py       what programs are told, in JSON Lines
      markdown.py     a run's summary for the page of a CI job
      recording.py    --report: a run, written down
      tables.py       the forms of a query's answer
      ending.py       exit codes, and what Ctrl-C does
      logs.py         logging without secrets
    pytest_plugin.py  test data as fixtures; imports nothing until it is used
    testdata.py     what that does: pinned files are brought, an archive is served
    aio.py          query, pull, push, verify as coroutines
    blocking.py     the same for plain callers, also where an event loop already runs
    fanout/         THE SAME PLAN ON A DASK CLUSTER (extra: imap-bulk[dask])
      cluster.py      joined, or made of this machine's processes
      dealing.py      who is dealt which part of the plan, and what is dealt again
      worker.py       the engine on a worker, and its outcomes on their way back
    sources.py      what a person names (files, directories, manifests) as files to pull or push
    mirror.py       a query asked again and again: what is new, changed or withdrawn, and the watermark
    pinning.py      what a query finds becomes the pins of a lock file
    placing.py      files that come from the cache instead of the archive
    records.py      the push of records to an archive that takes no files, told from beginning to end
    bulk/           THE VERBS, each told from beginning to end
      moving.py       pull · push
      planning.py     what is there and right is left out of the plan
      tally.py        a run is counted
      verifying.py    verify
    fixity.py       what is recorded, as sums and as a bag
    status.py       how things stand: what the journal knows, held against the disk
    doctor/         WHAT STANDS IN THE WAY, here and on the way to the archive
      examination.py  all checks, in the order in which one thing rests on another
      finding.py      what a check has found, and the remedy
      network.py      proxy, certificates, names
      service.py      the archive: its answer, its clock, whether it takes the key
      disk.py         room, and whether files are committed as they should be
      locks.py        whether a lock keeps a second process out
      versions.py     what is installed
    report/         A RUN, WRITTEN DOWN
      recorder.py     takes a run's events and adds them up
      timeline.py     bytes and setbacks over time, in steps that widen
      record.py       what is known of a run that is over
      page.py         one HTML file that opens offline
      charts.py       its drawings, in SVG
      parts.py        its tables and lists
      causes.py       why attempts fail, in a few words each
      html.py         elements whose text is always escaped
      lines.py        the same in JSON Lines
      provenance.py   W3C PROV-JSON
      writing.py      all three, each under its name only when it is whole
    engine/         MOVES BYTES
      engine.py       signers and movers, from transfers to outcomes
      tickets.py      URLs that were asked for a little ahead
      attempts.py     the attempts at one transfer
      download.py     GET -> part file -> verified -> committed, over all attempts at a file
      ranges.py       one large object through several streams
      promise.py      what an answer's headers promise, and which object it is
      partial.py      what is proven of a file that is partly here, and its record for a later run
      upload.py       one PUT, its last chunk held back until the digest agrees
      commit.py       part files, fsync, rename
      group.py        files that are ready together are committed together
      places.py       where files belong, safely, and what earlier runs have left there
      paced.py        the archive and its storage, asked no harder than they can take
      pace/           HOW HARD a host is pressed, and when it is left alone
        pace.py         leave for one request
        climb.py        how many requests at once: more as long as more brings more
        goodput.py      what a host brings, so that stretches of time can be compared
        breaker.py      Retry-After kept by all; a host that is down is asked by one at a time
        floor.py        the least that a connection must bring
        buckets.py      bytes and requests per second, and memory, shared by a run
      signer.py       what the engine asks of an archive
      behind.py       work in a thread that goes on behind its caller
      together.py     coroutines of which the first failure ends the others
    archives/       KNOWS WHERE
      base.py         Archive: search, sign_download, sign_upload, accept
      imap/           the IMAP Science Data Center
        archive.py      searches it, and has it sign URLs
        query.py        what it can be asked for, checked before it is asked
        params.py       a query spelled for each generation of it
        split.py        a query too large to be answered, in parts
        records.py      its answers, read and filtered
        signed.py       the signed URLs it gives
      aurorax/        AuroraX, of the University of Calgary
        archive.py      searches it, and has it sign URLs
        query.py        what it can be asked for, checked before it is asked
        moments.py      its times, and ranges of them in windows
        searching.py    a search: submitted, waited for, cancelled
        document.py     a search's result, record by record
        products.py     data products as files
        content.py      what a product's file looks like
        keys.py         object keys for what has no names
        sources.py      its data sources, listed and changed
        availability.py  how many records it has of each day
        forms.py        files of records taken apart
        records.py      records to push: read, and all of them checked
        batches.py      records on their way, and what the archive says of them
        visible.py      which pushed records a search finds
        api.py          the two ways to its API: in public, and with the key
        refusals.py     what its refusals mean
      lsst/           LSST's Data Access services, as their page of 2015 describes them
        archive.py      lists images, and says where to GET them from; looks at what came
        service.py      the session: questions, lists, the schema of a table
        images.py       which images are wanted; their keys, and what to ask for
        cutouts.py      positions and sizes, and the parameters that they become
        jobs.py         requests that take long: waited for, or cancelled
        paging.py       a list, page by page
        containing.py   names that contain a text
        envelopes.py    what the services wrap their answers in, errors among them
        statement.py    a SELECT, in parts
        queries.py      the answers to SQL, merged in order
        forms.py        the forms in which tables are written
        fits.py         whether a file is a whole FITS file
        sums.py         the checksums that it carries (extra: imap-bulk[lsst])
    server/         PLAYS AN ARCHIVE
      app.py          assembles the routes below
      imap/           THE IMAP SCIENCE DATA CENTER'S API
        routes.py       which path is answered by what
        query.py        what can be asked for, as conditions on the catalog
        records.py      what it answers with
        metakernel.py   which kernels cover a time
        generations.py  what tells the API of 2024 from that of 2026
        names.py        which names either takes, and what it says of others
        release.py      what is withheld, made public
        gateway.py      what stands before it: limits, envelope, the words where nothing answers
      aurorax/        THE AURORAX API, on a port of its own, over synthetic sample data
        server.py       the archive on a port of its own, and how it is set up
        source_routes.py data sources: listed, added, changed, deleted
        search_routes.py searches: asked for, polled, fetched, cancelled
        managing.py     records: pushed and deleted
        availability.py how many records a source has on each day
        utility_routes.py beside the data: descriptions, requests, time zones, sessions
        files.py        the host of the products' files
        accounts.py     who asks, and what they may do
        answers.py      the forms of its answers, and errors in one form
        parameters.py   parameters of paths and URLs
        streaming.py    a body sent piece by piece
        committing.py   which request meets which fault
        faults.py       what can go wrong on demand, in one table
        queries.py      what searches ask for, read from their JSON
        conjunction_query.py what a conjunction search asks for
        filters.py      filters on the metadata of records
        describing.py   a query in words that resemble SQL
        searches.py     searches that go on while they are polled, and whose results expire
        requests.py     a search request, as it is kept and as it is told
        finding.py      what a search finds
        conjunctions.py when sources are close to each other
        counting.py     how many records there are
        holdings.py     what there is of a source: the sample, and what was uploaded
        spool.py        results as files
        shapes.py       which fields of a record are told
        uploads.py      uploaded records, checked one by one
        ingestion.py    what was accepted is stored a little later
        catalog.py      sources, uploads and requests, in SQLite
        sources.py      what a data source is
        sample.py       whose data the sample is
        orbits.py       where the sample's spacecraft are, minute by minute
        products.py     the sample's data products
        images.py       what is in those files
        times.py        moments as AuroraX writes them
      lsst/           THE LSST DATA ACCESS API (V0)
        server.py       the three services on one port
        sample.py       what is archived: levels, databases, collections, images, stars
        schema.py       the tables, as MySQL shows them and as SQLite keeps them
        databases.py    the catalogue databases as files, built once
        meta.py         the metadata service
        genuine.py      the metadata service as it once ran
        paging.py       lists in pages, and which entries are wanted
        tap.py          the query service
        sql.py          statements of strangers, run within bounds
        dialect.py      what MySQL and ADQL know and SQLite does not
        sky.py          regions on the sky, as functions of SQL
        columns.py      which type a column has, and its values
        formats.py      the forms in which a table leaves
        astronomical.py those that astropy writes
        imaging.py      the image service
        images.py       images as FITS
        cutouts.py      which box of an image is meant
        waiting.py      the routes of jobs
        jobs.py         what goes on behind an answer
        content.py      bytes with ETag, ranges, Repr-Digest
        replies.py      JSON, and the services' errors
        faults.py       faults on demand
      catalog.py      what is archived, in SQLite
      search.py       what the catalog can be asked for, as one statement
      rows.py         what a row holds, and how the tables are laid out
      store.py        what the API asks of whatever keeps the objects
      objects.py      objects on disk: received, committed, opened
      s3.py           objects in a bucket, pending until somebody asks (extra: imap-bulk[s3])
      importing.py    existing files made objects
      lock.py         one server at a time on one root
      listening.py    the port that a server listens on, and its address
      page.py         the page a browser gets, from web/
      openapi.py      the API as an OpenAPI document
      cors.py         what the page may do at storage
      storage.py      how S3 answers for them, and for the signed URLs
      signing.py      AWS Signature Version 4, as it stands in a URL
      wire.py         the answer that ought to be sent, and the bare connection
      chaos/          FAULTS ON DEMAND, from a seed
        chaos.py        which request meets which fault
        spec.py         how faults are asked for
        entry.py        one entry of that
        faults.py       every fault, in one table
        body.py         a body cut off, silent, changed, of a wrong length, strangely wrapped
        ranges.py       a part that was not asked for, or of another object
        status.py       busy, broken, expired, missing, elsewhere
        put.py          an upload that fails half-way, or whose answer is lost
        fault.py        what a fault is
    transport/      HOW A REQUEST CROSSES THE WIRE
      base.py         what is sent, what comes back, and who carries it, as protocols
      storage.py      the way to storage: redirects by hand, no credentials
      api.py          the way to an archive's API: its credentials, no redirects
      lanes.py        which lane a request takes
      lean.py         the lean lane: GET and PUT over connections that are kept alive
      origin.py       the connections to one scheme, host and port
      connection.py   one connection, received into the memory that is written from
      head.py         the head of an answer, parsed
      general.py      the general lane: aiohttp
      proxies.py      which proxy the environment names
      names.py        host names become addresses
      guard.py        where a signed URL or a redirect may lead
      failures.py     what is said when an exchange fails
    http.py         what statuses, Retry-After and error documents mean
    retry.py        which fault deserves another attempt, and when
    manifest/       lists of files, read line by line
      entries.py      what the lines say: entries, or problems
      forms.py        the lines taken apart: plain, sha256sum, CSV, JSON Lines
      array.py        a JSON array, element by element
      table.py        CSV, row by row
      writing.py      lines that are read again
    lockfile.py     a query pinned to exact files, sizes and digests; read, written, compared
    cache.py        verified files by the sha256 of their content, shared by jobs and checkouts
    listing.py      what people and manifests list, kept on disk until all of it is checked
    journal/        THE PLAN AND WHAT HAS BEEN DONE, in SQLite; a cache, never the truth
      journal.py      one archive and one direction: planned, done, failed
      ledger.py       all archives and directions, read without changing anything
      mirrored.py     what a query has brought so far, by time of ingestion
      record.py       what is known of one file
      schema.py       the tables, and those of earlier versions brought up to date
    filenames.py    the IMAP name conventions: a name tells its object key
    spice_names.py  the conventions of SPICE kernels, as data
    environment.py  the official client's environment variables
    quantities.py   sizes, times and counts as people read them
    settings.py     how a run behaves
    model.py        the nouns
    digest.py       Digest: parse, of(path), hasher
    errors.py       what can go wrong, drawn as a tree

Imports point down, never sideways: pytest_plugin > cli | testdata > blocking > aio | fanout | report > pinning >
bulk | records | status | doctor | fixity | mirror > placing > engine | archives | server | sources > transport >
http, retry, manifest, lockfile, listing, cache, journal >
model, settings, filenames, environment > errors, digest.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imap_bulk.blocking import pull, push, query, verify
    from imap_bulk.digest import Digest
    from imap_bulk.errors import BulkError, IncompleteRun
    from imap_bulk.model import Outcome, RemoteFile, Result, Sample, Transfer
    from imap_bulk.settings import Settings

__version__ = "0.1.0"

__all__ = [
    "BulkError",
    "Digest",
    "IncompleteRun",
    "Outcome",
    "RemoteFile",
    "Result",
    "Sample",
    "Settings",
    "Transfer",
    "aio",
    "pull",
    "push",
    "query",
    "verify",
]

_ROOMS = {
    "BulkError": "errors",
    "Digest": "digest",
    "IncompleteRun": "errors",
    "Outcome": "model",
    "RemoteFile": "model",
    "Result": "model",
    "Sample": "model",
    "Settings": "settings",
    "Transfer": "model",
    "pull": "blocking",
    "push": "blocking",
    "query": "blocking",
    "verify": "blocking",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: aiohttp alone takes half of the command line's start."""
    if name == "aio":
        return import_module("imap_bulk.aio")
    if name in _ROOMS:
        return getattr(import_module(f"imap_bulk.{_ROOMS[name]}"), name)
    raise AttributeError(f"module 'imap_bulk' has no attribute {name!r}")
