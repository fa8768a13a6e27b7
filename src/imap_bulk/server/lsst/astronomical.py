"""The forms of files that astronomers have: FITS, VOTable and IPAC table, all of them written by astropy.

astropy and numpy take most of a second to import, so they are imported by whoever needs them first.
"""

import io
import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from imap_bulk.server.lsst.columns import fields, plain_columns
from imap_bulk.server.lsst.sql import Result

if TYPE_CHECKING:
    from astropy.table import Table

_NULLS: dict[str, Any] = {"long": -(2**63), "double": math.nan}
_DTYPES = {"long": "int64", "double": "float64"}
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def serialized(units: Sequence[Any]) -> bytes:
    """Return HDUs as a FITS file with CHECKSUM and DATASUM, the same bytes at every call."""
    from astropy.io import fits

    everything = fits.HDUList(units)
    everything.update_extend()
    for unit in everything:
        unit.add_checksum(when="of the whole HDU")  # astropy would write the time of day into the comment
    file = io.BytesIO()
    everything.writeto(file)
    return file.getvalue()


def fits_table(result: Result) -> bytes:
    """Write a FITS file with one binary table."""
    from astropy.io import fits

    return serialized([fits.PrimaryHDU(), fits.table_to_hdu(_table(result, is_ascii=True))])


def ipac(result: Result) -> bytes:
    """Write an IPAC table."""
    text = io.StringIO()
    _table(result, is_ascii=True).write(text, format="ascii.ipac")
    return text.getvalue().encode()


def votable(result: Result | None, status: str = "OK", words: str = "") -> bytes:
    """Write a VOTable as TAP wants it: `status` is OK, OVERFLOW, or ERROR with `words` and no result."""
    from astropy.io.votable.tree import Info, Resource, TableElement, VOTableFile

    document = VOTableFile(version="1.3")
    resource = Resource(type="results")
    info = Info(name="QUERY_STATUS", value=status)
    info.content = _NOT_IN_XML.sub("\ufffd", words) or None
    resource.infos.append(info)
    document.resources.append(resource)
    if result is not None:
        element = TableElement.from_table(document, _table(result))
        for field, name in zip(element.fields, result.names, strict=True):
            field.name = _text(name, is_ascii=False)  # until here each was an ID, which takes few letters
        resource.tables.append(element)
    file = io.BytesIO()
    document.to_xml(file)
    return file.getvalue()


def _table(result: Result, *, is_ascii: bool = False) -> "Table":
    """Return an astropy table in which NULL is masked; `is_ascii` puts `?` for other letters.

    In names all but letters, digits and `_` become `_`.
    """
    from astropy.table import MaskedColumn, Table

    table = Table(masked=True)
    for field, values in zip(fields(result), plain_columns(result), strict=True):
        null = _NULLS.get(field.datatype, "")
        kept = [null if value is None else value for value in values]
        typed = kept if field.datatype in _NULLS else [_text(value, is_ascii=is_ascii) for value in kept]
        name = _free(re.sub("[^A-Za-z0-9_]", "_", field.name) or "_", table.colnames)
        table[name] = MaskedColumn(
            typed,
            mask=[value is None for value in values],
            dtype=_DTYPES.get(field.datatype, "str"),
            fill_value=null,
        )
    return table


def _text(value: object, *, is_ascii: bool) -> str:
    text = _NOT_IN_XML.sub("\ufffd", str(value))
    return text.encode("ascii", "replace").decode() if is_ascii else text


def _free(name: str, taken: Sequence[str]) -> str:
    """Return a name that is not taken: SQL gives two columns of one name, astropy does not."""
    return name if name not in taken else _free(f"{name}_", taken)
