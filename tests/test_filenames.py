"""The IMAP name conventions, held against the tables of the specification and against the official client."""

import re

import imap_data_access
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imap_data_access.file_validation import Version, generate_imap_file_path

from imap_bulk import filenames, name_forms, spice_names
from imap_bulk.errors import BadName
from imap_bulk.filenames import FileName, Kind, is_date, is_valid, is_version, parse, version_order

# fmt: off
VALID_ROWS = [
    (1, "imap_swe_l0_raw_20240105_v001.pkts", Kind.SCIENCE, "imap/swe/l0/2024/01/"),
    (2, "imap_swe_l0_sci_20240105_v001.pkts", Kind.SCIENCE, "imap/swe/l0/2024/01/"),
    (3, "imap_swe_l1a_sci_20240105_v001.cdf", Kind.SCIENCE, "imap/swe/l1a/2024/01/"),
    (4, "imap_mag_l1b_norm-mago_20250502_v003.cdf", Kind.SCIENCE, "imap/mag/l1b/2025/05/"),
    (5, "imap_codice_l1a_lo-pha_20261206_v001.cdf", Kind.SCIENCE, "imap/codice/l1a/2026/12/"),
    (6, "imap_glows_l1a_counts_20261206-repoint00002_v001.cdf", Kind.SCIENCE, "imap/glows/l1a/2026/12/"),
    (7, "imap_ultra_l2_45sensor-flux-map-3month_20261206_v001.cdf", Kind.SCIENCE, "imap/ultra/l2/2026/12/"),
    (8, "imap_glows_l3b_ion-rate-profile_20260101-cr02300_v001.cdf", Kind.SCIENCE, "imap/glows/l3b/2026/01/"),
    (9, "imap_mag_l2_norm-gse_20260115_v001.0002.cdf", Kind.SCIENCE, "imap/mag/l2/2026/01/"),
    (10, "imap_hi_l1c_45sensor-pset_20260115-repoint00123_v000.0001.cdf",
     Kind.SCIENCE, "imap/hi/l1c/2026/01/"),
    (11, "imap_glows_l3e_survival-probability-hi-45_20260115-cr02300_v012.0345.cdf",
     Kind.SCIENCE, "imap/glows/l3e/2026/01/"),
    (12, "imap_swe_l0_raw_20240105_v999.9999.pkts", Kind.SCIENCE, "imap/swe/l0/2024/01/"),
    (13, "imap_swe_l0_raw_20240105_v000.pkts", Kind.SCIENCE, "imap/swe/l0/2024/01/"),
    (14, "imap_swe_l0_raw_20240105_v000.0000.pkts", Kind.SCIENCE, "imap/swe/l0/2024/01/"),
    (15, "imap_ialirt_l1_mag_20260115_v001.cdf", Kind.SCIENCE, "imap/ialirt/l1/2026/01/"),
    (16, "imap_spacecraft_l1a_quaternions_20260115_v001.cdf", Kind.SCIENCE, "imap/spacecraft/l1a/2026/01/"),
    (17, "imap_l1const_l2_sci_20260115_v001.0001.cdf", Kind.SCIENCE, "imap/l1const/l2/2026/01/"),
    (18, "imap_idex_l2b_sci-1week_20260115_v001.cdf", Kind.SCIENCE, "imap/idex/l2b/2026/01/"),
    (19, "imap_codice_l1ca_x_20260115_v001.cdf", Kind.SCIENCE, "imap/codice/l1ca/2026/01/"),
    (20, "imap_swapi_l3a_proton-sw_20260115_v001.0001.cdf", Kind.SCIENCE, "imap/swapi/l3a/2026/01/"),
    (21, "imap_swe_l0_raw_20240229_v001.pkts", Kind.SCIENCE, "imap/swe/l0/2024/02/"),
    (22, "imap_swe_l1a_sci_20240105_v001.pkts", Kind.SCIENCE, "imap/swe/l1a/2024/01/"),
    (23, "imap_swe_l0_raw_20240105_v001.cdf", Kind.SCIENCE, "imap/swe/l0/2024/01/"),
    (24, "imap_mag_l2-calibration_20250101_20250201_v001.cdf", Kind.ANCILLARY, "imap/ancillary/mag/"),
    (25, "imap_mag_l2-calibration_20250201_v002.cdf", Kind.ANCILLARY, "imap/ancillary/mag/"),
    (26, "imap_mag_l2-calibration_20250201_v002.csv", Kind.ANCILLARY, "imap/ancillary/mag/"),
    (27, "imap_codice_lo-stepping-table_20250101_v001.json", Kind.ANCILLARY, "imap/ancillary/codice/"),
    (28, "imap_lo_lut_20250101_v010.dat", Kind.ANCILLARY, "imap/ancillary/lo/"),
    (29, "imap_ultra_badtimes_20250101_20250102_v001.zip", Kind.ANCILLARY, "imap/ancillary/ultra/"),
    (30, "imap_hi_cal_20250101_v001.tsv", Kind.ANCILLARY, "imap/ancillary/hi/"),
    (31, "imap_glows_map_20250101_v001.pgm", Kind.ANCILLARY, "imap/ancillary/glows/"),
    (32, "imap_swapi_lut_20250101_v001.xlsx", Kind.ANCILLARY, "imap/ancillary/swapi/"),
    (33, "imap_lo_pivot-table_20260101-repoint00123_v001.csv", Kind.ANCILLARY, "imap/ancillary/lo/"),
    (34, "imap_hit_data-release-001_20260101_20260131_v001.txt", Kind.RELEASE, "imap/release/hit/"),
    (35, "imap_mag_l1b_norm_20250502_v001.png", Kind.QUICKLOOK, "imap/quicklook/mag/l1b/2025/05/"),
    (36, "imap_mag_l2_norm_20250502_v001.0001.jpg", Kind.QUICKLOOK, "imap/quicklook/mag/l2/2025/05/"),
    (37, "imap_ultra_l2_map_20250502-repoint00005_v001.pdf",
     Kind.QUICKLOOK, "imap/quicklook/ultra/l2/2025/05/"),
    (38, "imap_mag_l1b_norm_20250502_v001.json", Kind.DEPENDENCY, "imap/dependency/mag/l1b/2025/05/"),
    (39, "imap_mag_l1b_norm_20250502_v001.0001.json", Kind.DEPENDENCY, "imap/dependency/mag/l1b/2025/05/"),
    (40, "imap_ultra_l2_map-cadence-3mo_20250502_v001.json",
     Kind.DEPENDENCY, "imap/dependency/ultra/l2/2025/05/"),
    (41, "imap_2025_302_2025_303_001.ah.bc", Kind.SPICE, "imap/spice/ck/"),
    (42, "imap_2025_302_2025_303_01.ap.bc", Kind.SPICE, "imap/spice/ck/"),
    (43, "imap_2025_302_2025_303_01.spin.csv", Kind.SPICE, "imap/spice/spin/"),
    (44, "imap_2025_302_2025_303_01.spin", Kind.SPICE, "imap/spice/spin/"),
    (45, "imap_dps_2025_302_2025_303_001.ah.bc", Kind.SPICE, "imap/spice/ck/"),
    (46, "imap_2025_303_01.repoint.csv", Kind.SPICE, "imap/spice/repoint/"),
    (47, "imap_2025_303_01.repoint", Kind.SPICE, "imap/spice/repoint/"),
    (48, "imap_recon_20250925_20251010_v01.bsp", Kind.SPICE, "imap/spice/spk/"),
    (49, "imap_nom_20250925_20251010_v01.bsp", Kind.SPICE, "imap/spice/spk/"),
    (50, "imap_pred_od025_20260303_20260414_v01.bsp", Kind.SPICE, "imap/spice/spk/"),
    (51, "imap_pred_20260303_20260414.bsp", Kind.SPICE, "imap/spice/spk/"),
    (52, "imap_90days_20251009_20260107_v01.bsp", Kind.SPICE, "imap/spice/spk/"),
    (53, "imap_long_20260303_20300414_v01.bsp", Kind.SPICE, "imap/spice/spk/"),
    (54, "imap_launch_20250924_20251010_v01.bsp", Kind.SPICE, "imap/spice/spk/"),
    (55, "de440.bsp", Kind.SPICE, "imap/spice/spk/"),
    (56, "L1_de431.bsp", Kind.SPICE, "imap/spice/spk/"),
    (57, "pck00011.tpc", Kind.SPICE, "imap/spice/pck/"),
    (58, "naif0012.tls", Kind.SPICE, "imap/spice/lsk/"),
    (59, "imap_sclk_0147.tsc", Kind.SPICE, "imap/spice/sclk/"),
    (60, "imap_130.tf", Kind.SPICE, "imap/spice/fk/"),
    (61, "imap_science_120.tf", Kind.SPICE, "imap/spice/fk/"),
    (62, "imap_2025_302_2025_303_hist_01.sff", Kind.SPICE, "imap/spice/activities/"),
    (63, "imap_sdc_metakernel_2025_v001.tm", Kind.SPICE, "imap/spice/mk/"),
    (64, "imap_2025_302_a01.spice.mk", Kind.SPICE, "imap/spice/mk/"),
    (65, "IMAP_2025_302_e01.mk", Kind.SPICE, "imap/spice/mk/"),
    (66, "earth_250101_260101_250601.bpc", Kind.SPICE, "imap/spice/pck/"),
    (67, "imap_lopivot-repoint00123_2025_302_2025_303_001.bc", Kind.SPICE, "imap/spice/ck/"),
    (68, "imap_swe_l0_ra w_20240105_v001.pkts", Kind.SCIENCE, "imap/swe/l0/2024/01/"),
    (69, "imap_swe_l0_ráw_20240105_v001.pkts", Kind.SCIENCE, "imap/swe/l0/2024/01/"),
    (70, "imap_swe_l0_raw_20240105-repoint00000_v001.pkts", Kind.SCIENCE, "imap/swe/l0/2024/01/"),
    (71, "imap_mag_cal_20250201_20250101_v001.csv", Kind.ANCILLARY, "imap/ancillary/mag/"),
    (72, "imap_mag_cal_20250101_v001.txt", Kind.RELEASE, "imap/release/mag/"),
    (73, "imap_mag_release_20260101_v001.txt", Kind.RELEASE, "imap/release/mag/"),
    (74, "imap_2025_366_2025_366_001.ah.bc", Kind.SPICE, "imap/spice/ck/"),
    (75, "imap_2024_366_2024_366_001.ah.bc", Kind.SPICE, "imap/spice/ck/"),
    (76, "imap_2025_302_2025_303_001.ah.bc.tmp", Kind.SPICE, "imap/spice/ck/"),
    (77, "naif12.tls", Kind.SPICE, "imap/spice/lsk/"),
    (78, "pck00011.bsp", Kind.SPICE, "imap/spice/pck/"),
    (79, "naif0012.tpc", Kind.SPICE, "imap/spice/lsk/"),
    (80, "imap_sclk_147.tsc", Kind.SPICE, "imap/spice/sclk/"),
    (81, "earth_000101_250101_240601.bpc", Kind.SPICE, "imap/spice/pck/"),
    (82, "spice/ck/imap_2025_302_2025_303_001.ah.bc", Kind.SPICE, "imap/spice/ck/spice/ck/"),
    (83, "../imap_swe_l0_raw_20240105_v001.pkts", Kind.SCIENCE, "imap/swe/l0/2024/01/../"),
    (84, "imap/swe/l0/2024/01/imap_swe_l0_raw_20240105_v001.pkts",
     Kind.SCIENCE, "imap/swe/l0/2024/01/imap/swe/l0/2024/01/"),
    (85, "imap_swe_l0_raw_20240105_v001.pkts/", Kind.SCIENCE, "imap/swe/l0/2024/01/"),
    (86, "imap_swe_l0_..%2f_20240105_v001.pkts", Kind.SCIENCE, "imap/swe/l0/2024/01/"),
    (87, "imap_swe_l0_.._20240105_v001.pkts", Kind.SCIENCE, "imap/swe/l0/2024/01/"),
]
# fmt: on
"""Every row of the table of valid names: number, name, class, directory."""

REFUSED_ALWAYS = {68, 69, 82, 83, 84, 85, 86, 87}
"""Of the valid rows: blanks, other alphabets, directories, `%` and `..`."""

REFUSED_UNLESS_LENIENT = {71, 76}
"""Of the valid rows: an end before the start, text after a SPICE extension."""

# fmt: off
INVALID_ROWS = [
    (1, "imap_hi_quick_20250502_v001.png", "too few fields; a quicklook name is"),
    (2, "imap_codice_l1a_lo_20260101_20260102_v01-01.cdf", "first-generation"),
    (3, "imap_swe_l0_sci_20240105_20240105_v00-01.pkts", "first-generation"),
    (4, "imap_mag_l0_raw_202040101_v001.pkts", "'202040101' in place of a date"),
    (5, "imap_mag_l1b-rotation-calibration-file_v001.cdf", "no date; an ancillary name"),
    (6, "imap_ultra-45_l1a_sci_20240105_v001.cdf", "unknown instrument 'ultra-45'; use one of codice, glows, hi,"),
    (7, "imap_hi-45_l1a_sci_20240105_v001.cdf", "unknown instrument 'hi-45'"),
    (8, "imap_mag_l2pre_norm_20240105_v001.cdf", "unknown data level 'l2pre'"),
    (9, "imap_swe_l0_raw_20240105_v1.pkts", "'v1' in place of a version"),
    (10, "imap_swe_l0_raw_20240105_v0001.pkts", "'v0001' in place of a version"),
    (11, "imap_swe_l0_raw_20240105_001.pkts", "'001' in place of a version"),
    (12, "imap_swe_l0_raw_20240105_V001.pkts", "'V001' in place of a version"),
    (13, "imap_swe_l0_raw_20240105_v001.001.pkts", "'v001.001' in place of a version"),
    (14, "imap_swe_l0_raw_20240105_v01.0001.pkts", "'v01.0001' in place of a version"),
    (15, "imap_swe_l0_raw_20240105_v001.00001.pkts", "'v001.00001' in place of a version"),
    (16, "imap_swe_l0_raw_20240105_vXXX.pkts", "'vXXX' in place of a version"),
    (17, "imap_swe_l0_raw_20240105_latest.pkts", "'latest' in place of a version"),
    (18, "imap_swe_l0_raw_20240230_v001.pkts", "date 20240230, which no calendar has"),
    (19, "imap_swe_l0_raw_20241301_v001.pkts", "date 20241301, which no calendar has"),
    (20, "imap_swe_l0_raw_2024015_v001.pkts", "'2024015' in place of a date"),
    (21, "imap_swe_l0_raw_00000101_v001.pkts", "date 00000101, which no calendar has"),
    (22, "imap_swe_l0_raw_2024-01-05_v001.pkts", "'2024-01-05' in place of a date"),
    (23, "imap_foo_l0_raw_20240105_v001.pkts", "unknown instrument 'foo'"),
    (24, "imap_SWE_l0_raw_20240105_v001.pkts", "unknown instrument 'SWE'"),
    (25, "IMAP_swe_l0_raw_20240105_v001.pkts", "begins with 'IMAP'"),
    (26, "ibex_swe_l0_raw_20240105_v001.pkts", "begins with 'ibex'"),
    (27, "imap_swe_L0_raw_20240105_v001.pkts", "unknown data level 'L0'"),
    (28, "imap_swe_l4_raw_20240105_v001.cdf", "unknown data level 'l4'"),
    (29, "imap_swe_l1e_raw_20240105_v001.cdf", "unknown data level 'l1e'"),
    (30, "imap_swe_l0__20240105_v001.pkts", "empty descriptor"),
    (31, "imap_swe_l0_raw_x_20240105_v001.pkts", "too many '_'"),
    (32, "imap__l0_raw_20240105_v001.pkts", "unknown instrument ''"),
    (33, "imap_swe_l0_raw_20240105.pkts", "no version; a science name is"),
    (34, "imap_swe_l0_raw_v001.pkts", "no date; a science name is"),
    (35, "imap_swe_l0_raw_20240105_v001", "no extension; a science file has one of cdf, pkts"),
    (36, "imap_swe_l0_raw_20240105_v001.", "no extension"),
    (37, "imap_swe_l0_raw_20240105_v001.txt", "extension 'txt'; a science file has one of cdf, pkts"),
    (38, "imap_swe_l0_raw_20240105_v001.pkts.gz", "extension 'pkts.gz'"),
    (39, "imap_swe_l0_raw_20240105_v001.PKTS", "extension 'PKTS'"),
    (40, "imap_swe_l0_raw_20240105_v001.pkts\n", "line end"),
    (41, " imap_swe_l0_raw_20240105_v001.pkts", "white space"),
    (42, "imap_swe_l0_raw_٢٠٢٤٠١٠٥_v001.pkts", "character '٢'"),
    (43, "imap_swe_l0_raw_20240105-repoint123_v001.pkts", "'20240105-repoint123' in place of a date"),
    (44, "imap_swe_l0_raw_20240105-repoint000123_v001.pkts", "'20240105-repoint000123' in place of a date"),
    (45, "imap_swe_l0_raw_20240105_repoint00123_v001.pkts", "'_' before 'repoint00123'; write '-'"),
    (46, "imap_swe_l0_raw_20240105-Repoint00123_v001.pkts", "'20240105-Repoint00123' in place"),
    (47, "imap_swe_l0_raw_20240105-cr1234_v001.pkts", "'20240105-cr1234' in place"),
    (48, "imap_swe_l0_raw_20240105-cr02300-repoint00001_v001.pkts", "'20240105-cr02300-repoint00001' in place"),
    (49, "imap_mag_cal_20250101_20250201_v001.0001.csv", "an ancillary version is vNNN"),
    (50, "imap_mag_cal_20250101_20250230_v001.csv", "date 20250230"),
    (51, "imap_mag_cal_20250101_v001.exe", "extension 'exe'; an ancillary file has one of"),
    (52, "imap_xyz_cal_20250101_v001.csv", "unknown instrument 'xyz'"),
    (53, "imap_mag_cal_v001.csv", "no date; an ancillary name"),
    (54, "imap_mag_cal_20250101_20250201-repoint00001_v001.csv", "an end date and a repointing"),
    (55, "imap_mag_cal_foo_20250101_v001.csv", "'_' in its descriptor; write 'cal-foo'"),
    (56, "imap_mag_l2_release_20260101_v001.txt", "extension 'txt'; a science file"),
    (57, "imap_2025_400_2025_401_001.ah.bc", "date 2025_400"),
    (58, "imap_2025_302_001.ah.bc", "is no SPICE name in .bc; write imap_YYYY_DDD_YYYY_DDD_N.ah.bc"),
    (59, "imap_xyz_20250925_20251010_v01.bsp", "unknown SPICE type 'xyz'; use one of recon"),
    (60, "imap_recon_20250925_v01.bsp", "is no SPICE name in .bsp"),
    (61, "imap_recon_20251345_20251010_v01.bsp", "date 20251345"),
    (62, "IMAP_2025_302_2025_303_001.AH.BC", "unknown SPICE type 'AH.BC'"),
    (63, "foo0012.tls", "unknown SPICE type 'foo'"),
    (64, "imap_130.ti", "fits no convention"),
    (65, "imap_v130.tf", "write imap_N.tf"),
    (66, "imap_sdc_metakernel_2025_v01.tm", "write imap_sdc_metakernel_YYYY_vNNN.tm"),
    (67, "imap_2025_302_b01.spice.mk", "write imap_YYYY_DDD_aNN.spice.mk"),
    (68, "earth_251301_260101_250601.bpc", "date 251301"),
    (69, "de440s.bsp", "is no SPICE name in .bsp"),
    (70, "imap_dps_2025_302_2025_303_001.bc", "is no SPICE name in .bc"),
    (71, "", "is empty"),
    (72, "imap", "no version"),
    (73, "imap_swe_l0_a/b_20240105_v001.pkts", "path separator"),
]
# fmt: on
"""Every row of the table of invalid names: number, name, and what the complaint says of it."""

FIRST_GENERATION_ROWS = [
    ("imap_swe_l0_sci_20240105_20240105_v00-01.pkts", "imap/swe/l0/2024/01/"),
    ("imap_codice_l1a_lo_20260101_20260102_v01-01.cdf", "imap/codice/l1a/2026/01/"),
    ("imap_ultra-45_l1a_sci_20240105_20240105_v00-01.cdf", "imap/ultra-45/l1a/2024/01/"),
    ("imap_hi-90_l1a_sci_20240105_20240105_v00-01.cdf", "imap/hi-90/l1a/2024/01/"),
    ("imap_swe_l2pre_sci_20240105_20240105_v00-01.cdf", "imap/swe/l2pre/2024/01/"),
    ("imap_swe_l3_sci_20240105_20240105_v00-01.cdf", "imap/swe/l3/2024/01/"),
    ("imap_swe_l1a_sci_20240105_20240105_v99-99.cdf", "imap/swe/l1a/2024/01/"),
]

FIRST_GENERATION_FAULTS = [
    ("imap_swe_l0_sci_20240105_20240105_v00-01.cdf", "first-generation l0 file has pkts"),
    ("imap_swe_l1a_sci_20240105_20240105_v00-01.pkts", "first-generation l1a file has cdf"),
    ("imap_swe_l1a_sci_20240230_20240105_v00-01.cdf", "date 20240230, which no calendar has"),
    ("imap_swe_l1a_sci_20240105_20241305_v00-01.cdf", "date 20241305, which no calendar has"),
    ("imap_ultra_l1a_sci_20240105_20240105_v00-01.cdf", "instrument 'ultra'; use one of codice, glows, hi-45"),
    ("imap_hi_l1a_sci_20240105_20240105_v00-01.cdf", "instrument 'hi'; use one of codice, glows, hi-45"),
    ("imap_xyz_l9_sci_20240105_20240105_v00-01.cdf", "first-generation instrument 'xyz'"),
    ("imap_swe_l9_sci_20240105_20240105_v00-01.cdf", "first-generation data level 'l9'"),
    ("imap_swe_l1a__20240105_20240105_v00-01.cdf", "empty descriptor"),
    ("imap_swe_l1a_sci_20240105_20240105_v0-1.cdf", "too many '_'"),
    ("imap_swe_l1a_sci_20240105_20240105_v001.cdf", "too many '_'"),
    ("imap_swe_l1a_sci_20240105_v00-01.cdf", "'v00-01' in place of a version"),
    ("imap_swe_l1a_sci_20240105-repoint00001_20240105_v00-01.cdf", "in place of a date; write YYYYMMDD"),
    ("ibex_swe_l1a_sci_20240105_20240105_v00-01.cdf", "begins with 'ibex'"),
]

BACKWARDS_FIRST_GENERATION = "imap_swe_l0_sci_20240105_20240101_v00-01.pkts"

ACCEPTED_ROWS = [row for row in VALID_ROWS if row[0] not in REFUSED_ALWAYS | REFUSED_UNLESS_LENIENT]


def official_key(name: str) -> str:
    path = generate_imap_file_path(name).construct_path()
    return str(path.relative_to(imap_data_access.config["DATA_DIR"]).as_posix())


@pytest.mark.parametrize(("row", "name", "kind", "directory"), ACCEPTED_ROWS)
def test_a_valid_name_tells_its_class_and_directory(row: int, name: str, kind: Kind, directory: str) -> None:
    found = parse(name)
    assert (found.name, found.kind, found.key) == (name, kind, directory + name)
    assert is_valid(name)
    assert parse(name, legacy=True, lenient=True) == found


@pytest.mark.parametrize(
    ("row", "name", "kind", "directory"), [row for row in VALID_ROWS if row[0] in REFUSED_UNLESS_LENIENT]
)
def test_an_accident_passes_only_where_one_is_lenient(row: int, name: str, kind: Kind, directory: str) -> None:
    assert not is_valid(name)
    found = parse(name, lenient=True)
    assert (found.kind, found.key) == (kind, directory + name)


@pytest.mark.parametrize(
    ("row", "name", "kind", "directory"), [row for row in VALID_ROWS if row[0] in REFUSED_ALWAYS]
)
def test_a_name_that_could_lead_astray_never_passes(row: int, name: str, kind: Kind, directory: str) -> None:
    assert not is_valid(name)
    with pytest.raises(BadName):
        parse(name, lenient=True, legacy=True)


@pytest.mark.parametrize(("row", "name", "complaint"), INVALID_ROWS)
def test_an_invalid_name_is_refused_with_its_reason(row: int, name: str, complaint: str) -> None:
    with pytest.raises(BadName, match=re.escape(complaint)) as caught:
        parse(name)
    assert str(caught.value).startswith(repr(name))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("row", "name", "complaint"), [row for row in INVALID_ROWS if row[0] != 40])
def test_lenience_does_not_rescue_an_invalid_name(row: int, name: str, complaint: str) -> None:
    with pytest.raises(BadName):
        parse(name, lenient=True)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lenience_cuts_a_line_end_off(end: str) -> None:
    name = "imap_swe_l0_raw_20240105_v001.pkts"
    assert parse(name + end, lenient=True) == parse(name)


@pytest.mark.parametrize(("name", "directory"), FIRST_GENERATION_ROWS)
def test_a_first_generation_name_is_read_where_legacy_names_are_taken(name: str, directory: str) -> None:
    found = parse(name, legacy=True)
    assert (found.kind, found.key) == (Kind.SCIENCE, directory + name)
    assert found.end_date is not None
    assert (found.major, found.minor) == (None, None)
    with pytest.raises(BadName, match="first-generation name, taken only where legacy names are"):
        parse(name)


@pytest.mark.parametrize(("name", "complaint"), FIRST_GENERATION_FAULTS)
def test_a_bad_first_generation_name_is_refused_with_its_reason(name: str, complaint: str) -> None:
    with pytest.raises(BadName, match=re.escape(complaint)):
        parse(name, legacy=True)


def test_a_first_generation_name_that_ends_before_it_starts_needs_lenience() -> None:
    with pytest.raises(BadName, match="ends on 20240101, before it starts on 20240105"):
        parse(BACKWARDS_FIRST_GENERATION, legacy=True)
    assert parse(BACKWARDS_FIRST_GENERATION, legacy=True, lenient=True).end_date == "20240101"


def test_every_field_of_a_science_name_is_told() -> None:
    name = "imap_glows_l3e_survival-probability-hi-45_20260115-cr02300_v012.0345.cdf"
    assert parse(name) == FileName(
        name=name,
        kind=Kind.SCIENCE,
        key=f"imap/glows/l3e/2026/01/{name}",
        extension="cdf",
        instrument="glows",
        data_level="l3e",
        descriptor="survival-probability-hi-45",
        start_date="20260115",
        cr=2300,
        version="v012.0345",
        major=12,
        minor=345,
    )


def test_every_field_of_an_ancillary_name_is_told() -> None:
    name = "imap_mag_l2-calibration_20250101_20250201_v001.cdf"
    assert parse(name) == FileName(
        name=name,
        kind=Kind.ANCILLARY,
        key=f"imap/ancillary/mag/{name}",
        extension="cdf",
        instrument="mag",
        descriptor="l2-calibration",
        start_date="20250101",
        end_date="20250201",
        version="v001",
        minor=1,
    )


def test_every_field_of_a_spice_name_is_told() -> None:
    name = "imap_lopivot-repoint00123_2024_366_2025_001_007.bc"
    assert parse(name) == FileName(
        name=name,
        kind=Kind.SPICE,
        key=f"imap/spice/ck/{name}",
        extension="bc",
        start_date="20241231",
        end_date="20250101",
        repointing=123,
        version="007",
        spice_type="lo_pivot_attitude",
    )


@pytest.mark.parametrize(
    ("name", "extension", "spice_type"),
    [
        ("imap_2025_302_2025_303_001.ah.bc", "ah.bc", "attitude_history"),
        ("imap_2025_302_2025_303_01.spin.csv", "spin.csv", "spin"),
        ("imap_2025_303_01.repoint", "repoint", "repoint"),
        ("imap_2025_302_a01.spice.mk", "spice.mk", "metakernel"),
        ("IMAP_2025_302_e01.mk", "mk", "metakernel"),
        ("L1_de431.bsp", "bsp", "lagrange_point"),
        ("naif0012.TLS", "tls", "leapseconds"),
        ("imap_2025_302_2025_303_hist_01.sff", "sff", "thruster"),
        ("earth_690101_680101_250601.bpc", "bpc", "earth_attitude"),
    ],
)
def test_a_spice_name_tells_its_type_and_suffix(name: str, extension: str, spice_type: str) -> None:
    found = parse(name)
    assert (found.extension, found.spice_type) == (extension, spice_type)


def test_every_type_in_the_table_of_forms_has_a_directory() -> None:
    used = {spice_type for form in spice_names._FORMS for spice_type in form.types.values()}
    assert used == set(filenames.SPICE_TYPES)
    assert list(filenames.SPICE_TYPES) == sorted(filenames.SPICE_TYPES)


def test_the_lists_are_the_official_ones() -> None:
    assert set(filenames.INSTRUMENTS) == imap_data_access.VALID_INSTRUMENTS
    assert set(filenames.DATA_LEVELS) == imap_data_access.VALID_DATALEVELS
    assert list(filenames.INSTRUMENTS) == sorted(filenames.INSTRUMENTS)
    assert list(filenames.DATA_LEVELS) == sorted(filenames.DATA_LEVELS)
    assert set(filenames.SCIENCE_EXTENSIONS) == imap_data_access.ScienceFilePath.VALID_EXTENSIONS
    assert set(filenames.ANCILLARY_EXTENSIONS) == imap_data_access.AncillaryFilePath.VALID_EXTENSIONS
    assert set(filenames.QUICKLOOK_EXTENSIONS) == imap_data_access.QuicklookFilePath.VALID_EXTENSIONS
    assert set(filenames.DEPENDENCY_EXTENSIONS) == imap_data_access.DependencyFilePath.VALID_EXTENSIONS
    assert set(filenames.RELEASE_EXTENSIONS) == imap_data_access.ReleaseFilePath.VALID_EXTENSIONS


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("imap_mag_l2_20260101_v001.cdf", Kind.ANCILLARY),
        ("imap_mag_l2_20260101_20260102_v001.cdf", Kind.SCIENCE),
        ("imap_mag_l2_20260101_20260102_v001.json", Kind.ANCILLARY),
        ("imap_mag_l2_20269999_20260102_v001.json", Kind.DEPENDENCY),
        ("imap_mag_l2_20260101_20260102_v001.txt", Kind.RELEASE),
        ("imap_mag_l2_20260101_20260102_v001.png", Kind.QUICKLOOK),
    ],
)
def test_where_two_conventions_fit_the_official_order_decides(name: str, kind: Kind) -> None:
    assert parse(name).kind is kind
    assert parse(name).key == official_key(name)


def test_a_name_that_no_disk_can_keep_is_refused_and_not_quoted_whole() -> None:
    with pytest.raises(BadName, match="a disk keeps 255") as caught:
        parse(f"imap_swe_l0_{'x' * 300}_20240105_v001.pkts")
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "name",
    [
        "imap_swe_l0_a:b_20240105_v001.pkts",
        "C:imap_swe_l0_raw_20240105_v001.pkts",
        "imap_swe_l0_raw_20240105_v001.pkts?X-Amz-Signature=1",
        "imap_swe_l0_r\x00w_20240105_v001.pkts",
        "imap_swe_l0_r\x1bw_20240105_v001.pkts",
        "dir\\imap_swe_l0_raw_20240105_v001.pkts",
        ".imap_swe_l0_raw_20240105_v001.pkts.part",
        "imap_de_20250925_20251010_v01.bsp",
        "IMAP_SDC_METAKERNEL_2025_v001.tm",
        "imap_9999_366_9999_366_001.ah.bc",
        "imap_0000_001_2025_001_001.ah.bc",
        "imap_2025_000_2025_001_001.ah.bc",
        "imap_lopivot-repoint00123_2025_302_2025_303_001.bc.tmp",
    ],
)
def test_a_name_beside_the_conventions_is_refused_even_with_lenience(name: str) -> None:
    with pytest.raises(BadName):
        parse(name, lenient=True, legacy=True)


@pytest.mark.parametrize("name", ["naif0012.tls~", "de440.bsp.part", "de440.bsp.sha256"])
def test_text_after_a_spice_extension_needs_lenience(name: str) -> None:
    with pytest.raises(BadName, match="goes on after its SPICE extension; cut"):
        parse(name)
    assert parse(name, lenient=True).key == official_key(name)


def test_versions_sort_by_generation_then_by_number() -> None:
    ascending = ["v00-01", "v01-00", "v000", "v002", "v999", "v000.0000", "v001.0009", "v001.0010", "v002.0000"]
    shuffled = ascending[::-2] + ascending[1::2]
    assert sorted(shuffled, key=version_order) == ascending
    assert version_order("0012") == version_order("v012")
    with pytest.raises(BadName, match=r"'latest' is no version; write vMMM\.mmmm or vNNN"):
        version_order("latest")


@given(st.lists(st.from_regex(r"v[0-9]{3}(\.[0-9]{4})?", fullmatch=True), min_size=2, max_size=2))
def test_versions_sort_as_the_official_client_sorts_them(versions: list[str]) -> None:
    first, second = versions
    official = Version.from_version(first) < Version.from_version(second)
    assert (version_order(first) < version_order(second)) == official


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("v001", True),
        ("v001.0002", True),
        ("v1", False),
        ("001", False),
        ("v001.2", False),
        ("v00-01", False),
        ("latest", False),
        ("v001\n", False),
        ("v\u0660\u0660\u0661", False),
        ("", False),
    ],
)
def test_a_version_is_told_from_other_text(text: str, right: bool) -> None:
    assert is_version(text) is right


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("20240229", True),
        ("00010101", True),
        ("99991231", True),
        ("20230229", False),
        ("19000229", False),
        ("00000101", False),
        ("20241301", False),
        ("2024-1-1", False),
        ("2024_001", False),
        ("240105", False),
        ("2024", False),
        ("20240105\n", False),
        ("\u0662\u0660\u0662\u0664\u0660\u0661\u0660\u0665", False),
        ("", False),
    ],
)
def test_a_date_is_told_from_other_text(text: str, right: bool) -> None:
    assert is_date(text) is right


dates = st.dates().map(lambda day: day.isoformat().replace("-", ""))
descriptors = st.from_regex("[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?", fullmatch=True)
intervals = st.one_of(st.none(), st.tuples(st.sampled_from(["repoint", "cr"]), st.integers(0, 99999)))
versions = st.tuples(st.one_of(st.none(), st.integers(0, 999)), st.integers(0, 999))
level_extensions = {
    **dict.fromkeys(filenames.SCIENCE_EXTENSIONS, Kind.SCIENCE),
    **dict.fromkeys(filenames.QUICKLOOK_EXTENSIONS, Kind.QUICKLOOK),
    **dict.fromkeys(filenames.DEPENDENCY_EXTENSIONS, Kind.DEPENDENCY),
}


@given(
    instrument=st.sampled_from(filenames.INSTRUMENTS),
    level=st.sampled_from(filenames.DATA_LEVELS),
    descriptor=descriptors.filter(lambda text: not is_date(text)),
    date=dates,
    interval=intervals,
    version=versions,
    extension=st.sampled_from(sorted(level_extensions)),
)
def test_a_name_built_from_fields_gives_the_fields_back(
    instrument: str,
    level: str,
    descriptor: str,
    date: str,
    interval: tuple[str, int] | None,
    version: tuple[int | None, int],
    extension: str,
) -> None:
    major, minor = version
    written = f"v{minor:03}" if major is None else f"v{major:03}.{minor:04}"
    middle = f"-{interval[0]}{interval[1]:05}" if interval else ""
    name = f"imap_{instrument}_{level}_{descriptor}_{date}{middle}_{written}.{extension}"
    found = parse(name)
    assert found.kind is level_extensions[extension]
    assert (found.instrument, found.data_level, found.descriptor) == (instrument, level, descriptor)
    assert (found.start_date, found.end_date) == (date, None)
    assert found.repointing == (interval[1] if interval and interval[0] == "repoint" else None)
    assert found.cr == (interval[1] if interval and interval[0] == "cr" else None)
    assert (found.version, found.major, found.minor, found.extension) == (written, major, minor, extension)
    assert found.key == official_key(name)


near_names = st.builds(
    lambda name, at, cut, new: name[: at % len(name)] + new + name[at % len(name) + cut :],
    st.sampled_from([row[1] for row in VALID_ROWS] + [row[1] for row in INVALID_ROWS if row[1]]),
    st.integers(0, 200),
    st.integers(0, 9),
    st.one_of(st.text(max_size=4), st.text("_-.vimap0129lbcspr", max_size=9)),
)
"""Names that are nearly right: what arbitrary text will hardly ever be."""


@given(st.one_of(st.text(), near_names), st.booleans(), st.booleans())
def test_whatever_the_text_only_a_bad_name_is_raised(text: str, legacy: bool, lenient: bool) -> None:
    try:
        found = parse(text, legacy=legacy, lenient=lenient)
    except BadName:
        return
    assert found.key.endswith("/" + found.name)
    assert found.name == text.rstrip("\r\n")
    assert ".." not in found.key
    assert all(found.key.split("/"))
    assert re.fullmatch(r"imap/[!-~]+", found.key)
    assert "\\" not in found.key


@given(near_names)
def test_a_usual_name_is_read_at_one_look_as_field_by_field(name: str) -> None:
    if usual := filenames._read_usual(name):
        filenames._check_characters(name)
        assert usual == name_forms.read(Kind.SCIENCE, name, lenient=False)


@given(near_names)
def test_what_is_taken_strictly_the_official_client_files_under_the_same_key(name: str) -> None:
    if is_valid(name):
        assert parse(name).key == official_key(name)


@pytest.mark.parametrize("name", [row[1] for row in ACCEPTED_ROWS])
def test_the_official_client_files_every_accepted_row_under_the_same_key(name: str) -> None:
    assert parse(name).key == official_key(name)


@pytest.mark.parametrize(("row", "name", "complaint"), [row for row in INVALID_ROWS if row[0] != 71])
def test_the_official_client_refuses_every_invalid_row_as_well(row: int, name: str, complaint: str) -> None:
    with pytest.raises(ValueError, match="Invalid file type"):
        generate_imap_file_path(name)
