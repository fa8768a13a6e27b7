"""Names that contain a text, as the archive understands it; for servers that ignore the question."""

import re
from collections.abc import Callable

from imap_bulk.errors import BadQuery

_LIKE = {"%": ".*", "_": "."}


def matcher(text: str) -> Callable[[str], bool]:
    """Judge names: by SQL's `%`, by `/a regular expression/`, or by what they contain; whatever the case.

    Raises BadQuery.
    """
    if len(text) > 1 and text.startswith("/") and text.endswith("/"):
        pattern = text[1:-1]
    elif "%" in text:
        pattern = f"^{''.join(_LIKE.get(letter, re.escape(letter)) for letter in text)}$"
    else:
        pattern = re.escape(text)
    try:
        found = re.compile(pattern, re.IGNORECASE | re.DOTALL)
    except re.error as error:
        raise BadQuery(f"{text} is no regular expression ({error})") from error
    return lambda name: found.search(name) is not None
