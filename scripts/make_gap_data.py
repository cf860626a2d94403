#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Makes data/gap/clusters.csv out of Epoch AI's table of GPU clusters.

usage: make_gap_data.py GPU_CLUSTERS.csv DATE >data/gap/clusters.csv

GPU_CLUSTERS.csv is the file that https://epoch.ai/data/gpu-clusters offers (CC BY: cite Epoch AI),
DATE the day of that copy. Kept are clusters that exist, are not superseded by a later phase, are no
possible duplicates of another row and have a performance. docs/formats/gap_data.md describes the columns.
Rows stand by falling performance; the same input gives the same bytes.

Exit codes: 0, 2 usage, 6 a country, a sector or a certainty that this script does not know
"""
import csv
import re
import sys

COUNTRIES = {
    "": "", "Australia": "AU", "Brazil": "BR", "Canada": "CA", "China": "CN", "Czechia": "CZ",
    "Denmark": "DK", "Finland": "FI", "France": "FR", "Germany": "DE", "Hong Kong": "HK",
    "Iceland": "IS", "India": "IN", "Indonesia": "ID", "Israel": "IL", "Italy": "IT", "Japan": "JP",
    "Korea (Republic of)": "KR", "Luxembourg": "LU", "Malaysia": "MY", "Mexico": "MX",
    "Netherlands": "NL", "Norway": "NO", "Philippines (the)": "PH", "Poland": "PL", "Russia": "RU",
    "Saudi Arabia": "SA", "Singapore": "SG", "Slovenia": "SI", "Spain": "ES", "Sweden": "SE",
    "Switzerland": "CH", "Taiwan": "TW", "Thailand": "TH", "United Arab Emirates": "AE",
    "United Kingdom of Great Britain and Northern Ireland": "GB", "United States of America": "US",
    "Vietnam": "VN"}
SECTORS = {"Public": "public", "Private": "private", "Public/Private": "mixed", "": ""}
CONFIDENCE = {"Confirmed": "high", "Likely": "medium", "Unlikely": "low"}
SINGLE = {"Yes": "yes", "No": "no", "Unclear": "unclear", "": "unclear"}
COLUMNS = ["name", "country", "sector", "chip", "chips", "h100e", "since", "single_site", "origin",
           "source", "date", "license", "confidence"]


def performance(row: dict) -> float:
    return float(row["H100 equivalents"] or 0)


def kept(row: dict) -> bool:
    return (row["Status"] == "Existing" and not row["Superseded by"]
            and row["Possible Duplicate"] != "TRUE" and performance(row) > 0)


def plain(text: str) -> str:
    return " ".join(text.replace('"', "").split())


def origin(row: dict) -> str:
    """The first address that Epoch names, without the archive's prefix: it is long and adds little."""
    found = re.search(r"https?://\S+", row["Source 1"])
    if not found:
        return ""
    address = re.sub(r"^https?://web\.archive\.org/web/[0-9a-z_]+/", "", found[0]).rstrip(",;")
    return address.split("#:~:")[0][:120]


def day(text: str) -> str:
    if not text:
        return ""
    month, day_of_month, year = text.split("/")
    return f"{int(year):04}-{int(month):02}-{int(day_of_month):02}"


def main() -> int:
    if len(sys.argv) != 3 or not re.fullmatch(r"\d{4}-\d\d-\d\d", sys.argv[2]):
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    with open(sys.argv[1], encoding="utf-8", newline="") as file:
        rows = sorted(filter(kept, csv.DictReader(file)), key=performance, reverse=True)
    out = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
    out.writeheader()
    for row in rows:
        try:
            out.writerow({
                "name": plain(row["Name"]), "country": COUNTRIES[row["Country"]],
                "sector": SECTORS[row["Sector"]], "chip": plain(row["Chip type (primary)"]),
                "chips": row["Chip quantity (primary)"].split(".")[0],
                "h100e": f"{performance(row):.1f}",
                "since": day(row["First Operational Date"]),
                "single_site": SINGLE[row["Single cluster?"]], "origin": origin(row),
                "source": "Epoch AI GPU clusters", "date": sys.argv[2], "license": "CC BY",
                "confidence": CONFIDENCE[row["Certainty"]]})
        except KeyError as unknown:
            print(f"{row['Name']}: {unknown} is not in this script's tables", file=sys.stderr)
            return 6
    return 0


sys.exit(main())
