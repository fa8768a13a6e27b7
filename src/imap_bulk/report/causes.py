"""Why attempts fail, in a few words each."""

_CAUSES = {
    "AccessDenied": "access denied",
    "AlreadyArchived": "there already",
    "Busy": "busy (429, 503)",
    "DigestMismatch": "wrong bytes",
    "Garbled": "an answer nobody can read",
    "Interrupted": "broken off",
    "NotFound": "not there (404)",
    "ObjectChanged": "the object changed",
    "OtherSize": "another size",
    "Rejected": "refused",
    "ServerFault": "server fault (5xx)",
    "SourceChanged": "the file changed here",
    "Stalled": "silence",
    "UrlExpired": "URL expired",
    "Vanished": "404 though listed",
    "WrongPart": "another part than asked for",
}


def cause(kind: str) -> str:
    """Say in words why an attempt failed, by the name of the error's class."""
    return _CAUSES.get(kind, kind)
