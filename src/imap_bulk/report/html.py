"""Elements of HTML and SVG whose text and attributes are always escaped."""

from html import escape


class Html(str):
    """Text that is HTML already. Everything else is escaped when it becomes part of an element."""

    __slots__ = ()


_VOID = {"meta", "br"}


def element(tag: str, /, *content: str, **attributes: object) -> Html:
    """Make an element; `class_` is spelled class, `a_b` a-b; an attribute that is None is left out."""
    given = "".join(
        f' {_NAMES.get(key) or key.rstrip("_").replace("_", "-")}="{escape(plain(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{tag}{given}>" if tag in _VOID else f"<{tag}{given}>{join(*content)}</{tag}>")


_NAMES = {"view_box": "viewBox", "preserve_aspect_ratio": "preserveAspectRatio"}


def join(*parts: str) -> Html:
    """Put texts and HTML together."""
    return Html("".join(part if isinstance(part, Html) else escape(plain(part)) for part in parts))


def plain(value: object) -> str:
    """Return a text that can be written as UTF-8: names on a disk may hold what cannot."""
    return str(value).encode("utf-8", "backslashreplace").decode()
