"""WHAT A PERSON NAMES on a command line or in a notebook, as files to pull or to push.

A source is a file name, an archive path, a manifest file, a data file, a directory, or `-` for a manifest on
standard input. Whatever is wrong with any of them is found before anything moves, and told at once. What they
list is kept on disk, so that a million files cost no memory.

files.py     files to pull: names, archive paths, manifests
uploads.py   files to push: data files, directories, manifests
checking.py  all sources listed, and all that is wrong with them told
"""

from imap_bulk.sources.files import files_of
from imap_bulk.sources.uploads import uploads_of

__all__ = ["files_of", "uploads_of"]
