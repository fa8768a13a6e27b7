"""imap-bulk moves files of the IMAP mission in bulk: concurrent, retried, verified.

A room of which nothing but its name stands here draws itself, at the head of its own `__init__.py`.

    cli/            PARSES, CALLS, PRINTS
      main.py         the click group and global options; errors become messages and exit codes
      imap.py         query · pull · push
      moving.py       a pull or a push of any archive
      verifying.py    verify · bag
      serving.py      serve
      status.py       status
      doctor.py       doctor
      standing.py     how things stand, in sentences and as JSON
      ground.py       what a served archive stands on: free ports, a fresh root
      answering.py    how a served archive answers
      demo/           THE DEMONSTRATIONS
      locking.py      lock: a query becomes a lock file, or one is brought up to date
      pins.py         what people are told about lock files
      mirroring.py    pull --since: a mirror brought up to date
      caching.py      the options that choose a cache; cache info · prune
      delivering.py   --to: a bucket instead of the data directory
      bucket.py       a bucket that an option names, with what the environment opens it with
      aurorax/        AURORAX'S COMMANDS
      lsst/           LSST'S COMMANDS
        door.py         where that archive is
        names.py        lsst list · schema
        query.py        lsst query: SQL, in parts
        pull.py         lsst pull: images and cutouts
      storing.py      where an embedded archive keeps its files
      place.py        where a command works: the data directory, and the archive with what opens its door
      filters.py      the filters of a query, and the query they mean
      options.py      the options that commands share
      wishes.py       the transfer options as plain values
      console.py      what a person or a program sees of a run: bar, rare lines, failures, summary
      meter.py        how far a run is, and how fast
      words.py        what people are told, in sentences
      hints.py        what a person might do otherwise next time
      events.py       what programs are told, in JSON Lines
      markdown.py     a run's summary for the page of a CI job
      recording.py    --report: a run, written down
      tables.py       the forms of a query's answer
      ending.py       exit codes, and what Ctrl-C does
      logs.py         logging without secrets
      streams.py      the standard streams: what they cannot show, and who cannot be written to
    pytest_plugin.py  test data as fixtures; imports nothing until it is used
    testdata.py     what that does: pinned files are brought, an archive is served
    aio.py          query, pull, push, verify as coroutines
    blocking.py     the same for plain callers, also where an event loop already runs
    fanout/         THE SAME PLAN ON A DASK CLUSTER (extra: imap-bulk[dask])
      cluster.py      joined, or made of this machine's processes
      dealing.py      who is dealt which part of the plan, and what is dealt again
      worker.py       the engine on a worker, and its outcomes on their way back
    sources/        WHAT A PERSON NAMES (files, directories, manifests) as files to pull or to push
    mirror.py       a query asked again and again: what is new, changed or withdrawn, and the watermark
    pinning.py      what a query finds becomes the pins of a lock file
    placing.py      files that come from the cache instead of the archive
    processes/      SEVERAL PROCESSES OF THIS MACHINE, where the processor is what a run waits for
    delivery/       FILES GO TO A BUCKET INSTEAD OF THE DISK (extra: imap-bulk[s3])
    records.py      the push of records to an archive that takes no files, told from beginning to end
    bulk/           THE VERBS, each told from beginning to end
      moving.py       pull · push
      planning.py     what is there and right is left out of the plan
      tally.py        a run is counted
      wanting.py      what a run wants, hundreds at once, each with its place
      verifying.py    verify
    fixity.py       what is recorded, as sums and as a bag
    status.py       how things stand: what the journal knows, held against the disk
    doctor/         WHAT STANDS IN THE WAY, here and on the way to the archive
    report/         A RUN, WRITTEN DOWN
    engine/         MOVES BYTES
      engine.py       signers and movers, from transfers to outcomes
      tickets.py      URLs that were asked for a little ahead
      attempts.py     the attempts at one transfer
      download.py     GET -> part file -> verified -> committed, over all attempts at a file
      stream.py       a body, appended as it comes
      ranges.py       one large object through several streams
      promise.py      what an answer's headers promise, and which object it is
      told.py         digests that storage tells of an object
      receipt.py      what an attempt brings
      proving.py      whether what has come is the file
      partial.py      what is proven of a file that is partly here, and its record for a later run
      delivery.py     what the engine asks of a place that is no disk
      upload.py       one PUT, and what storage then says that it holds, against what was sent
      source.py       the file to be sent, its last chunk held back until its digest agrees
      commit.py       part files, fsync, rename
      group.py        files that are ready together are committed together
      places.py       where files belong, safely, and what earlier runs have left there
      paced.py        the archive and its storage, asked no harder than they can take
      health.py       whether a host is down, or only some of its files are broken
      pace/           HOW HARD a host is pressed, and when it is left alone
      signer.py       what the engine asks of an archive
      behind.py       work in a thread that goes on behind its caller
      together.py     coroutines of which the first failure ends the others
    archives/       KNOWS WHERE
      base.py         Archive: search, sign_download, sign_upload, accept
      imap/           the IMAP Science Data Center
      aurorax/        AuroraX, of the University of Calgary
      lsst/           LSST's Data Access services, as their page of 2015 describes them
    server/         PLAYS AN ARCHIVE
      app.py          assembles the routes below
      imap/           THE IMAP SCIENCE DATA CENTER'S API
      aurorax/        THE AURORAX API, on a port of its own, over synthetic sample data
      lsst/           THE LSST DATA ACCESS API (V0)
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
      signing.py      signed URLs, held to their signatures
      wire.py         the answer that ought to be sent, and the bare connection
      chaos/          FAULTS ON DEMAND, from a seed
    transport/      HOW A REQUEST CROSSES THE WIRE
    http.py         what statuses, Retry-After and error documents mean
    retry.py        which fault deserves another attempt, and when
    manifest/       lists of files, read line by line
    lockfile.py     a query pinned to exact files, sizes and digests; read, written, compared
    cache.py        verified files by the sha256 of their content, shared by jobs and checkouts
    bucket.py       a bucket: where it is, and what opens it (extra: imap-bulk[s3])
    listing.py      what people and manifests list, kept on disk until all of it is checked
    usual.py        lines of a manifest as nearly all are, hundreds at one look
    journal/        THE PLAN AND WHAT HAS BEEN DONE, in SQLite; a cache, never the truth
    filenames.py    the IMAP name conventions: a name tells its object key
    name_forms.py   the conventions, each read by itself
    spice_names.py  the conventions of SPICE kernels, as data
    environment.py  the official client's environment variables
    quantities.py   sizes, times and counts as people read them
    settings.py     how a run behaves
    model.py        the nouns
    sigv4.py        AWS Signature Version 4, as it stands in a URL
    urls.py         which URLs lead anywhere, and what of them may be shown
    digest.py       Digest: parse, of(path), hasher
    stamp.py        whether a file on disk is still the one that was looked at
    errors.py       what can go wrong, drawn as a tree

Imports point down, never sideways: pytest_plugin > cli | testdata > blocking > aio | fanout | report >
pinning | records > bulk | status | doctor | fixity | mirror > placing | processes | delivery >
engine | archives | server | sources > transport > listing >
http, retry, manifest, lockfile, usual, cache, bucket, journal >
model, settings, filenames, environment > name_forms >
errors, digest, stamp, urls, quantities, sigv4, spice_names.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imap_bulk import aio
    from imap_bulk.blocking import pull, push, query, verify
    from imap_bulk.digest import Digest
    from imap_bulk.errors import BulkError, IncompleteRun
    from imap_bulk.model import Event, Outcome, Plan, Progress, RemoteFile, Result, Sample, Transfer
    from imap_bulk.settings import Settings

__version__ = "0.1.0"

__all__ = [
    "BulkError",
    "Digest",
    "Event",
    "IncompleteRun",
    "Outcome",
    "Plan",
    "Progress",
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
    "Event": "model",
    "IncompleteRun": "errors",
    "Outcome": "model",
    "Plan": "model",
    "Progress": "model",
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


if not TYPE_CHECKING:  # to a type checker, a module with a __getattr__ has every name that somebody mistypes

    def __getattr__(name):
        """Import a public name when first asked for it: aiohttp alone takes half of the command line's start."""
        if name == "aio":
            return import_module("imap_bulk.aio")
        if name in _ROOMS:
            return getattr(import_module(f"imap_bulk.{_ROOMS[name]}"), name)
        raise AttributeError(f"module 'imap_bulk' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Name what is public, for `help` and for those who complete what is typed."""
    return [*__all__, "__version__"]
