"""Keys of images and cutouts: safe below any data directory, and one for each."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap_bulk.archives.lsst.cutouts import Cutout, Position, Size
from imap_bulk.archives.lsst.images import ImageQuery, Wanted, cut, id_of, listed, of_key, whole
from imap_bulk.engine.places import safe_path
from imap_bulk.errors import BadQuery, PermanentError

QUERY = ImageQuery.of("L2", "DR1", "calexp")
THREE = ("IMAGE", "MASK", "VARIANCE")


def at(ra: str, dec: str, size: str = "30arcsec", name: str = "") -> Position:
    return Position(2, "7", Cutout(Decimal(ra), Decimal(dec), Size.parse(size)), name)


def test_a_whole_image_is_asked_for_by_its_id() -> None:
    key, wanted = whole(QUERY, "5646240694")
    assert key == "lsst/L2/DR1/calexp/5646240694.fits"
    assert wanted == Wanted("/image/v0/L2/DR1/calexp/5646240694", {}, THREE)


def test_one_plane_has_a_key_of_its_own() -> None:
    key, wanted = whole(ImageQuery.of("L2", "DR1", "calexp", plane="mask"), "7")
    assert key == "lsst/L2/DR1/calexp/7_mask.fits"
    assert (wanted.params, wanted.extensions) == ({"plane": "mask"}, ("MASK",))


def test_raw_images_have_one_plane_of_whatever_name() -> None:
    assert whole(ImageQuery.of("L2", "DR1", "raw"), "7")[1].extensions == ()


def test_the_case_of_known_words_is_mended() -> None:
    query = ImageQuery.of("dc", "DR1", "calExp")
    assert (query.level, query.kind) == ("DC", "calexp")


def test_a_slash_in_a_name_stays_in_its_part_of_the_key() -> None:
    key, wanted = whole(ImageQuery.of("L2", "kti/test20150202", "raw"), "7")
    assert key == "lsst/L2/kti%2Ftest20150202/raw/7.fits"
    assert wanted.address == "/image/v0/L2/kti%2Ftest20150202/raw/7"


@pytest.mark.parametrize(
    ("address", "image"),
    [
        ("http://127.0.0.1:1/image/v0/L2/DR1/calexp/7", "7"),
        ("/nfs/lsst/L2/coadds/coad001.fits", "coad001"),
        ("url/of/im1", "im1"),
        ("/image/v0/calexp/id?id=7", "7"),
    ],
)
def test_an_address_tells_the_id(address: str, image: str) -> None:
    assert id_of(address) == image
    key, wanted = listed(QUERY, address)
    assert key == f"lsst/L2/DR1/calexp/{image}.fits"
    assert wanted.address == address


def test_the_deployed_form_knows_kinds_and_ids_alone() -> None:
    query = ImageQuery.of("", "", "calexp", ids=("7",), deployed=True)
    key, wanted = whole(query, "7")
    assert (key, wanted.address, wanted.params) == (
        "lsst/deployed/calexp/7.fits",
        "/image/v0/calexp/id",
        {"id": "7"},
    )
    key, wanted = cut(query, "7", at("1", "2", "2arcmin"))
    assert wanted.address == "/image/v0/calexp/7/cutout"
    assert wanted.params == {"ra": "1", "dec": "2", "widthAng": "120", "heightAng": "120"}


def test_a_cutout_is_named_for_its_place_and_size() -> None:
    key, wanted = cut(QUERY, "7", at("10.50", "2"))
    same, _ = cut(QUERY, "7", at("10.5", "2.0"))
    other, _ = cut(QUERY, "7", at("10.5", "2", "31arcsec"))
    named, _ = cut(QUERY, "7", at("10.5", "2", name="m31"))
    assert key == same != other
    assert key.startswith("lsst/L2/DR1/calexp/7_cutout_")
    assert named == key.replace(".fits", "_m31.fits")
    assert wanted.address == "/image/v0/L2/DR1/calexp/7/cutout"


@pytest.mark.parametrize(
    ("given_", "problem"),
    [
        ({"plane": "flux"}, "no plane"),
        ({"level": ""}, "`level` and `collection`"),
        ({"deployed": True}, "lists no images"),
        ({"deployed": True, "ids": ("7",), "plane": "mask"}, "whole images only"),
        ({"deployed": True, "ids": ("7",), "by_job": True}, "no asynchronous"),
        ({"ids": ("7",), "owner": "tom"}, "leave them out"),
    ],
)
def test_what_no_archive_understands_is_refused(given_: dict[str, object], problem: str) -> None:
    with pytest.raises(BadQuery, match=problem):
        ImageQuery.of(**{"level": "L2", "collection": "DR1", "kind": "calexp", **given_})  # type: ignore[arg-type]


def test_what_is_wanted_travels_as_text() -> None:
    _, wanted = cut(ImageQuery.of("L2", "DR1", "calexp", by_job=True), "7", at("1", "2"))
    assert Wanted.read(wanted.text()) == wanted


@pytest.mark.parametrize("plane", ["", "mask"])
def test_the_key_of_a_whole_image_tells_what_to_ask_for(plane: str) -> None:
    key, wanted = whole(ImageQuery.of("L2", "kti/test", "calexp", plane=plane), "7")
    assert of_key(key) == wanted


def test_the_key_of_a_cutout_does_not_tell() -> None:
    assert of_key(cut(QUERY, "7", at("1", "2"))[0]) is None


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


@given(names, names, names)
def test_a_key_is_safe_or_refused(collection: str, kind: str, image: str) -> None:
    try:
        key, _ = whole(ImageQuery.of("L2", collection, kind), image)
        path = safe_path(Path("data"), key)
    except PermanentError:
        return
    assert key.count("/") == 4
    assert len(path.relative_to("data").parts) == 5
