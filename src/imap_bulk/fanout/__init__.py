"""The same plan on a Dask cluster: each worker runs the engine on one chunk of it after another.

    shared iterator -> a seat for each worker -> chunk -> engine on that worker -> outcomes -> the one journal

A chunk is pinned to its worker, and outcomes stream back while it lasts. When a worker is lost, those of its
chunk that have no outcome yet go to another one; Dask's own retries would move all of the chunk again. What a user
allows a host (`jobs`, `limit_requests`, `limit_rate`) is shared out, and the Retry-After that one gets is told to
all, so that many workers are as polite as one.

Workers must see the data directory under the same path: a token in it, which they look for, says that they do, and
its disappearance that the run was stopped. Where files go to a bucket they need not: what is on its way lies in
the worker's own directory, and that the run was stopped is told by Dask, which cancels the task.

Extra: imap-bulk[dask].
"""

from imap_bulk.fanout.cluster import Fanout

__all__ = ["Fanout"]
