"""imap-bulk moves files of the IMAP mission in bulk: concurrent, retried, verified.

    cli/            PARSES, CALLS, PRINTS
      main.py         the click group and global options
      imap.py         query · pull · push
      local.py        verify · serve · demo
      console.py      what a person or a program sees: bars, rare lines, JSON Lines, tables, summary
    aio.py          query, pull, push, verify as coroutines
    blocking.py     the same for plain callers, also where an event loop already runs
    bulk.py         the verbs, each told from beginning to end
    engine/         MOVES BYTES
      engine.py       workers, attempts, outcomes
      download.py     one GET -> part file -> verified -> committed
      upload.py       one PUT, its last chunk held back until the digest agrees
      commit.py       part files, fsync, rename, path safety
      transport.py    how a request reaches storage
    archives/       KNOWS WHERE
      base.py         Archive: search, sign_download, sign_upload, accept
      imap.py         IMAP Science Data Center
    server/         PLAYS AN ARCHIVE
      app.py          assembles the routes below
      imap.py         the API's routes
      catalog.py      what is archived, in SQLite
      storage.py      objects on disk, and the signed URLs for them
    http.py         the border with aiohttp: its errors and status codes become ours
    retry.py        which fault deserves another attempt, and when
    manifest.py     lists of files: plain, sha256sum, CSV, JSON Lines
    journal.py      the plan and what has been done, in SQLite; a cache, never the truth
    filenames.py    the IMAP name conventions: a name tells its object key
    environment.py  the official client's environment variables
    settings.py     how a run behaves
    model.py        the nouns
    digest.py       Digest: parse, of(path), hasher
    errors.py       what can go wrong, drawn as a tree

Imports point down, never sideways: cli > aio, blocking > bulk > engine | archives | server >
http, retry, manifest, journal > model, settings, filenames, environment > errors, digest.
"""
