"""What a person can do with the page, done in a real browser."""

from __future__ import annotations

import asyncio
import re
import shlex
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.browser.conftest import HOSTILE, MISSING_OF_MAG, NAMES, SCREENSHOTS
from tests.canaries import API_KEY, READ_KEY
from tests.server import rclone

from imap_bulk import filenames
from imap_bulk.server.app import Scope
from imap_bulk.server.imap.generations import STRICT_2024

if TYPE_CHECKING:
    from playwright.async_api import Page
    from tests.browser.conftest import Archive, Open

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

NEW = "imap_mag_l2_norm-gse_20260115_v001.0001.cdf"
MAG = [name for name in NAMES if name.startswith("imap_mag_l2_")]
SCIENCE = [name for name in NAMES if name.count("_") == 5 and name.startswith("imap_") and "l2-" not in name]


async def names(page: Page) -> list[str]:
    return await page.locator("#rows .name").all_inner_texts()


async def told(page: Page, text: str) -> None:
    """Wait until the count of files says this."""
    await page.locator("#count", has_text=re.compile(f"^{text}$")).wait_for()


async def press(page: Page, *keys: str) -> None:
    for key in keys:
        await page.keyboard.press(key)


async def drop(page: Page, name: str, body: str) -> None:
    carried = await page.evaluate_handle(
        "([name, body]) => { const all = new DataTransfer(); all.items.add(new File([body], name)); return all; }",
        [name, body],
    )
    await page.dispatch_event("#drop", "drop", {"dataTransfer": carried})


async def test_the_page_begins_with_all_science_files(archive: Archive, visit: Open) -> None:
    page = await visit(archive)
    await told(page, f"{len(SCIENCE)} files")
    assert sorted(await names(page)) == sorted(SCIENCE)


async def test_a_search_shows_what_matches(archive: Archive, visit: Open) -> None:
    page = await visit(archive)
    await page.get_by_role("combobox", name="Instrument").select_option("mag")
    await page.get_by_label("First day of data").fill("2026-01-05")
    await page.get_by_role("button", name="Search").click()
    await told(page, "5 files")
    assert all(name in MAG for name in await names(page))


@pytest.mark.parametrize(("table", "name"), [("Ancillary", NAMES[-2]), ("SPICE", NAMES[-1])])
async def test_the_other_tables_are_a_click_away(archive: Archive, visit: Open, table: str, name: str) -> None:
    page = await visit(archive)
    await page.get_by_role("radio", name=table).check()
    await told(page, "1 file")
    assert await names(page) == [name]


async def test_the_address_keeps_the_search(archive: Archive, visit: Open) -> None:
    page = await visit(archive)
    await page.get_by_role("combobox", name="Instrument").select_option("lo")
    await told(page, "2 files")
    assert page.url == f"{archive.url}/?instrument=lo"
    await page.reload()
    await told(page, "2 files")
    await page.go_back()
    await told(page, f"{len(SCIENCE)} files")


async def test_what_the_archive_refuses_is_told(start: Any, visit: Open) -> None:
    archive = await start(answer_limit_bytes=10)
    await archive.add(NEW)
    page = await visit(archive)
    await page.get_by_text("The archive could not answer").wait_for()


async def test_an_archive_of_2024_is_searched_and_filled(start: Any, visit: Open) -> None:
    name = "imap_glows_l1a_hist_20110920-repoint00012_v001.cdf"
    archive = await start(generation=STRICT_2024)
    page = await visit(archive)
    await told(page, "0 files")
    await drop(page, name, "field")
    await told(page, "1 file")
    assert await names(page) == [name]
    for absent in ("Ancillary", "First day on which files were archived"):
        assert not await page.get_by_label(absent).is_visible()
    await page.get_by_label("Version").locator("visible=true").fill("v002")
    await page.get_by_role("button", name="Search").click()
    await told(page, "0 files")


async def test_a_dropped_file_goes_to_the_bucket(start: Any, visit: Open, tmp_path: Path) -> None:
    with rclone.serving(tmp_path / "s3", "--allow-origin", "*") as s3:
        page = await visit(await start(bucket=s3.options()))
        await drop(page, NEW, "field")
        await told(page, "1 file")
        assert next(s3.bucket.rglob(NEW)).read_text() == "field"


async def test_a_bucket_that_does_not_allow_the_page_is_told_with_the_remedy(
    start: Any, visit: Open, tmp_path: Path
) -> None:
    with rclone.serving(tmp_path / "s3") as s3:
        archive = await start(bucket=s3.options())
        page = await visit(archive)
        await drop(page, NEW, "field")
        await page.get_by_text(f"its CORS rules do not allow PUT from {archive.url}").wait_for()
        await page.get_by_text("upload with imap-bulk push").wait_for()


async def test_columns_sort_up_and_down(archive: Archive, visit: Open) -> None:
    page = await visit(archive)
    header = page.get_by_role("columnheader", name="File", exact=True)
    await header.get_by_role("button").click()
    assert await names(page) == sorted(SCIENCE)
    assert await header.get_attribute("aria-sort") == "ascending"
    await header.get_by_role("button").click()
    assert await names(page) == sorted(SCIENCE, reverse=True)


async def test_the_calendar_shows_the_gaps(archive: Archive, visit: Open) -> None:
    page = await visit(archive)
    row = page.locator(".days", has=page.get_by_role("rowheader", name="mag"))
    gaps = row.locator(".cell.gap")
    await gaps.nth(MISSING_OF_MAG - 1).wait_for(state="attached")
    assert await gaps.count() == MISSING_OF_MAG
    assert await row.locator(".tally").inner_text() == f"{MISSING_OF_MAG} missing"


async def test_a_day_of_the_calendar_filters(archive: Archive, visit: Open) -> None:
    page = await visit(archive)
    day = page.get_by_role("gridcell", name="mag, 5 Jan 2026: 1 file")
    await day.click()
    await told(page, "1 file")
    assert await names(page) == ["imap_mag_l2_norm-gse_20260105_v001.0001.cdf"]
    await day.click()
    await told(page, f"{len(SCIENCE)} files")


async def test_a_file_is_downloaded_from_storage(archive: Archive, visit: Open) -> None:
    page = await visit(archive)
    async with page.expect_download() as coming:
        await page.get_by_role("link", name=MAG[0]).click()
    download = await coming.value
    assert download.suggested_filename == MAG[0]
    assert Path(await download.path()).read_bytes() == MAG[0].encode()


async def test_a_click_is_not_lost_when_the_table_scrolls_in_its_midst(archive: Archive, visit: Open) -> None:
    page = await visit(archive)
    link = page.get_by_role("link", name=MAG[0])
    await link.scroll_into_view_if_needed()
    box = await link.bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + 5, box["y"] + 5)
    await page.mouse.down()
    await page.evaluate("document.getElementById('scroller').dispatchEvent(new Event('scroll'))")
    async with page.expect_download() as coming:
        await page.mouse.up()
    assert (await coming.value).suggested_filename == MAG[0]


async def test_selected_files_are_downloaded_together(archive: Archive, visit: Open) -> None:
    page = await visit(archive, "/?instrument=lo")
    downloads: asyncio.Queue[Any] = asyncio.Queue()
    page.on("download", downloads.put_nowait)
    await page.get_by_label("Select all files").check()
    await told(page, "2 files, 2 selected")
    await page.get_by_role("button", name="Download selected").click()
    brought = [await downloads.get(), await downloads.get()]
    assert sorted(each.suggested_filename for each in brought) == [
        name for name in NAMES if name.startswith("imap_lo")
    ]


async def test_a_dropped_file_is_archived_and_listed(archive: Archive, visit: Open) -> None:
    page = await visit(archive, "/?instrument=mag")
    await drop(page, NEW, "field")
    await page.get_by_text("archived", exact=True).wait_for()
    await page.get_by_role("link", name=NEW).wait_for()


async def test_chosen_files_are_archived_and_listed(archive: Archive, visit: Open, tmp_path: Path) -> None:
    (tmp_path / NEW).write_bytes(bytes(3_000_000))
    (tmp_path / "naif0013.tls").write_bytes(b"leap")
    page = await visit(archive)
    await page.get_by_label("Drop files here").set_input_files([tmp_path / NEW, tmp_path / "naif0013.tls"])
    await page.locator("#uploads [data-state=done]").nth(1).wait_for()
    await page.get_by_role("link", name=NEW).wait_for()


async def test_an_upload_shows_how_far_it_is(archive: Archive, visit: Open) -> None:
    page = await visit(archive)
    await page.evaluate("""() => {
        window.seen = new Set();
        const note = () => document.querySelectorAll(".state").forEach((each) => seen.add(each.textContent));
        new MutationObserver(note).observe(document.querySelector("#uploads"), { childList: true, subtree: true });
    }""")
    await drop(page, NEW, "field" * 100_000)
    await page.get_by_text("archived", exact=True).wait_for()
    assert {"waiting", "100 %", "archived"} <= set(await page.evaluate("[...seen]"))


async def test_what_is_archived_already_is_not_overwritten(archive: Archive, visit: Open) -> None:
    page = await visit(archive)
    await drop(page, MAG[0], "other")
    await page.locator("#uploads [data-state=failed]", has_text="already exists").wait_for()


async def test_the_command_for_a_search_is_copied(archive: Archive, visit: Open) -> None:
    page = await visit(
        archive, "/?instrument=mag&start_date=20260105", permissions=["clipboard-read", "clipboard-write"]
    )
    await page.get_by_role("button", name="Copy").click()
    await page.get_by_role("button", name="Copied").wait_for()
    copied = await page.evaluate("navigator.clipboard.readText()")
    expected = f"imap-bulk --url {archive.url} pull --instrument mag --start-date 20260105"
    assert shlex.split(copied) == expected.split()


async def test_the_command_for_selected_files_names_them(archive: Archive, visit: Open) -> None:
    page = await visit(archive)
    for name in MAG[:2]:
        await page.get_by_label(f"Select {name}").check()
    words = shlex.split(await page.locator("#command").inner_text())
    assert sorted(words[4:]) == MAG[:2]


async def test_the_command_for_all_files_found_is_that_of_the_search(archive: Archive, visit: Open) -> None:
    page = await visit(archive, "/?instrument=lo")
    await page.get_by_label("Select all files").check()
    assert (await page.locator("#command").inner_text()).endswith(" pull --instrument lo")


async def test_many_selected_files_are_copied_as_a_manifest(archive: Archive, visit: Open) -> None:
    more = [f"imap_mag_l2_norm-gse_202602{day:02}_v001.0001.cdf" for day in range(1, 11)]
    await archive.list_only(more)
    page = await visit(archive, permissions=["clipboard-read", "clipboard-write"])
    await page.get_by_label("Select all files").check()
    await page.get_by_label(f"Select {more[-1]}").uncheck()
    await page.get_by_role("button", name="Copy").click()
    await page.get_by_role("button", name="Copied").wait_for()
    first, *names, end = (await page.evaluate("navigator.clipboard.readText()")).splitlines()
    assert first == f"imap-bulk --url {archive.url} pull - <<'END'"
    assert sorted(names) == sorted([*SCIENCE, *more[:-1]])
    assert end == "END"


async def test_hostile_words_are_quoted_in_the_command(archive: Archive, visit: Open) -> None:
    page = await visit(archive)
    await page.get_by_label("Descriptor").fill("$(reboot)' `x`")
    await page.get_by_role("button", name="Search").click()
    await told(page, "0 files")
    words = shlex.split(await page.locator("#command").inner_text())
    assert words[-2:] == ["--descriptor", "$(reboot)' `x`"]


async def test_markup_in_a_name_stays_text(archive: Archive, visit: Open) -> None:
    await archive.list_hostile()
    page = await visit(archive)
    await page.get_by_role("link", name=HOSTILE).wait_for()
    await drop(page, HOSTILE, "x")
    await page.locator("#uploads [data-state=failed]").wait_for()
    assert await page.locator("main img").count() == 0
    assert await page.locator("#rows b").count() == 0
    assert await page.title() == "IMAP archive"


async def test_everything_can_be_done_with_the_keyboard(archive: Archive, visit: Open) -> None:
    page = await visit(archive, "/?instrument=mag")
    while await page.evaluate("document.activeElement.id") != "scroller":
        await press(page, "Tab")
    await press(page, "ArrowDown", "Space", "Shift+ArrowDown")
    await told(page, "8 files, 2 selected")
    await press(page, "Escape")
    await told(page, "8 files")
    async with page.expect_download() as coming:
        await press(page, "End", "Enter")
    assert (await coming.value).suggested_filename == MAG[0]


async def test_the_calendar_is_walked_with_arrow_keys(archive: Archive, visit: Open) -> None:
    page = await visit(archive)
    while await page.evaluate("document.activeElement.dataset.day ?? ''") == "":
        await press(page, "Tab")
    await press(page, "ArrowDown", "ArrowRight", "ArrowRight", "Enter")
    await told(page, "1 file")
    assert await names(page) == ["imap_mag_l2_norm-gse_20260103_v001.0001.cdf"]
    assert await page.evaluate("document.activeElement.dataset.day") == "20260103"


async def test_ten_thousand_files_are_as_light_as_fifty(start: Any, visit: Open) -> None:
    archive = await start()
    days = [date(2026, 1, 1) + timedelta(number) for number in range(100)]
    await archive.list_only(
        f"imap_{instrument}_l1a_d{number}_{day:%Y%m%d}_v001.0001.cdf"
        for instrument in ("mag", "swe", "lo", "hi", "glows")
        for number in range(20)
        for day in days
    )
    page = await visit(archive)
    await told(page, "10,000 files")
    assert await page.locator("#rows .row").count() < 60
    await page.locator("#scroller").focus()
    await press(page, "End")
    await page.locator('[aria-rowindex="10001"]').wait_for()
    assert await page.locator("#rows .row").count() < 60


async def test_dark_is_dark(archive: Archive, visit: Open) -> None:
    brightness = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    light, dark = [
        await (await visit(archive, color_scheme=scheme)).evaluate(brightness) for scheme in ("light", "dark")
    ]
    assert min(light) > 200
    assert max(dark) < 60


@pytest.mark.parametrize("width", [360, 768, 1360])
async def test_nothing_is_wider_than_the_window(archive: Archive, visit: Open, width: int) -> None:
    page = await visit(archive, viewport={"width": width, "height": 800})
    assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_every_control_has_a_name(archive: Archive, visit: Open) -> None:
    page = await visit(archive)
    unnamed = """[...document.querySelectorAll("input, select, button, [tabindex='0']")]
        .filter((each) => !each.labels?.length && !each.ariaLabel && !each.textContent.trim())
        .map((each) => each.outerHTML)"""
    assert await page.evaluate(unnamed) == []


@pytest.fixture
def keys() -> dict[str, Scope]:
    return {API_KEY: Scope.WRITE, READ_KEY: Scope.READ}


async def test_a_key_is_asked_for_only_where_there_are_keys(archive: Archive, visit: Open) -> None:
    assert not await (await visit(archive)).get_by_label("API key").is_visible()


async def test_with_a_key_files_are_archived_and_downloaded(start: Any, visit: Open, keys: Any) -> None:
    archive = await start(keys=keys)
    page = await visit(archive)
    await page.get_by_label("API key").fill(API_KEY)
    await page.get_by_role("button", name="Use").click()
    await drop(page, NEW, "field")
    async with page.expect_download() as coming:
        await page.get_by_role("link", name=NEW).click()
    assert Path(await (await coming.value).path()).read_bytes() == b"field"


async def test_a_key_stays_in_memory(start: Any, visit: Open, keys: Any) -> None:
    archive = await start(keys=keys)
    page = await visit(archive)
    await page.get_by_label("API key").fill(API_KEY)
    await page.get_by_role("button", name="Use").click()
    await page.get_by_text("in use").wait_for()
    kept = await page.evaluate("[document.cookie, ...Object.values({...localStorage, ...sessionStorage})].join()")
    command = await page.locator("#command").inner_text()
    assert API_KEY not in kept + command + page.url
    await page.reload()
    assert await page.get_by_label("API key").input_value() == ""


async def test_who_may_only_read_is_told_so(start: Any, visit: Open, keys: Any) -> None:
    page = await visit(await start(keys=keys))
    await page.get_by_label("API key").fill(READ_KEY)
    await page.get_by_role("button", name="Use").click()
    await drop(page, NEW, "field")
    await page.locator("#uploads [data-state=failed]", has_text="read-only").wait_for()


async def test_an_unknown_key_is_told(start: Any, visit: Open, keys: Any) -> None:
    page = await visit(await start(keys=keys))
    await page.get_by_label("API key").fill("nobody")
    await page.get_by_role("button", name="Use").click()
    await page.get_by_text("does not know that API key").wait_for()


@pytest.mark.parametrize(
    ("name", "context"),
    [
        ("light", {}),
        ("dark", {"color_scheme": "dark"}),
        ("dark-narrow", {"color_scheme": "dark", "viewport": {"width": 700, "height": 900}}),
        ("narrow", {"viewport": {"width": 400, "height": 900}}),
    ],
)
async def test_pictures_are_kept(start: Any, visit: Open, name: str, context: dict[str, Any]) -> None:
    archive = await start()
    await archive.list_only(sample())
    page = await visit(archive, **context)
    picture = await page.screenshot(path=_kept(name), full_page="narrow" in name)
    assert picture.startswith(b"\x89PNG")


async def test_where_nothing_is_the_page_says_how_to_begin(start: Any, visit: Open) -> None:
    page = await visit(await start())
    await page.get_by_text("Nothing is archived here yet").wait_for()
    await page.screenshot(path=_kept("empty"))
    await drop(page, "nonsense.txt", "field")
    await page.get_by_text("does not match").wait_for()
    await page.screenshot(path=_kept("refused"))


def _kept(name: str) -> Path:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    return SCREENSHOTS / f"{name}.png"


def sample() -> list[str]:
    """Name files of half a year, with gaps."""
    days = [date(2026, 1, 1) + timedelta(number) for number in range(112)]
    return [
        f"imap_{instrument}_{level}_sci_{day:%Y%m%d}_v001.0001.cdf"
        for place, instrument in enumerate(filenames.INSTRUMENTS)
        for level in ("l1a", "l1b", "l2")[: 1 + place % 3]
        for number, day in enumerate(days)
        if (number * 7 + place * 5) % (11 + place) and not (place == 4 and 40 < number < 52)
    ]
