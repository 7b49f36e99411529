"""Tables of the documentation: written from results, never beside them."""

import json
from pathlib import Path
from typing import Any

import pytest

from helpers.rollouts import tellus
from tellus.benchmarks import report
from tellus.errors import InputError

CHECKOUT = Path(__file__).parents[2]
PAGE = "# Title\n\n<!-- bench:stokes-toy{} -->\nof before\n<!-- /bench -->\n\nThe end.\n"


@pytest.fixture
def result() -> dict[str, Any]:
    """Some rows of a stored one, as if memory had not been measured."""
    file = CHECKOUT / "benchmarks" / "results" / "stokes-amd-epyc-1-thread.json"
    found = report.selected(json.loads(file.read_text()), "direct,coarse:2,256x64,512x128")
    return found | {"results": [row | {"memory_mib": None} for row in found["results"]]}


@pytest.fixture
def checkout(tmp_path: Path, result: dict[str, Any]) -> Path:
    results = tmp_path / "benchmarks" / "results"
    results.mkdir(parents=True)
    (results / "stokes-toy.json").write_text(json.dumps(result))
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text(PAGE.format(""))
    return tmp_path


def test_the_documentation_is_what_report_writes() -> None:
    assert report.main(CHECKOUT, check=True) == []


def test_tables_are_written_once(checkout: Path, result: dict[str, Any]) -> None:
    readme = checkout / "README.md"
    assert report.main(checkout, check=True) == [readme]
    assert "of before" in readme.read_text()
    assert report.main(checkout) == [readme]
    text = readme.read_text()
    assert text.startswith(
        "# Title\n\n<!-- bench:stokes-toy -->\n| solver | ms, 256x64 | ms, 512x128 |"
    )
    assert text.endswith("<!-- /bench -->\n\nThe end.\n")
    assert "of before" not in text
    for row in result["results"]:
        assert f"{1e3 * row['seconds']:.3g}" in text
    assert "- 512x128: assembling the bands" in text
    assert report.main(checkout, check=True) == []


def test_memory_is_a_column_once_it_was_measured(result: dict[str, Any]) -> None:
    assert "memory" not in report.markdown(result)
    for row in result["results"]:
        if (row["grid"], row["solver"]) == ("512x128", "direct"):
            row["memory_mib"] = 12.3
    heading, _, *lines = report.markdown(result).splitlines()
    assert heading.endswith("| memory |")
    assert lines[0].endswith("| 12 MiB |")
    assert lines[1].endswith("| - |")


def test_a_selection_may_name_grids(result: dict[str, Any]) -> None:
    found = report.selected(result, "coarse:2,direct,512x128")["results"]
    assert [row["grid"] for row in found] == ["512x128"] * 2
    assert [row["solver"] for row in found] == ["coarse:2", "direct"]


def test_a_marker_may_select_solvers(checkout: Path) -> None:
    page = checkout / "docs" / "deep" / "page.md"
    page.parent.mkdir()
    page.write_text(PAGE.format(" coarse:2"))
    assert page in report.main(checkout)
    lines = page.read_text().splitlines()
    first = lines.index("<!-- bench:stokes-toy coarse:2 -->") + 1
    *table, empty, where, _ = lines[first : lines.index("<!-- /bench -->") + 1]
    assert [line.split("|")[1].strip() for line in table] == ["solver", "---", "coarse:2"]
    assert (empty, where[:2]) == ("", "- ")
    assert "1 of" in where


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (PAGE.format(" mumps"), "has no mumps"),
        (PAGE.format("").replace("toy", "nowhere"), "stokes-nowhere.json is not a benchmark's"),
        (PAGE.format("").replace("<!-- /bench -->", ""), "needs a line <!-- /bench -->"),
    ],
)
def test_bad_markers_are_explained(checkout: Path, page: str, message: str) -> None:
    (checkout / "README.md").write_text(page)
    with pytest.raises(InputError, match=message):
        report.main(checkout)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("stokes-toy", {"benchmark": "?"}, "not the result of one of"),
        ("stokes-toy", {"benchmark": ["stokes"]}, "not the result of one of"),
        ("stokes-toy", {"benchmark": "stokes"}, r"stokes-toy\.json is damaged"),
        ("stokes-toy", {"benchmark": "step", "results": [1]}, r"stokes-toy\.json is damaged"),
        (
            "experiments-toy",
            {"results": [1], "machine": {"processor": ""}, "git": ""},
            "results is damaged",
        ),
    ],
)
def test_a_result_of_something_else_is_refused(
    checkout: Path, name: str, content: dict[str, Any], message: str
) -> None:
    (checkout / "benchmarks" / "results" / f"{name}.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=message):
        report.main(checkout)


def test_a_page_that_is_no_text_is_refused(checkout: Path) -> None:
    (checkout / "docs" / "page.md").write_bytes(b"\xff")
    with pytest.raises(InputError, match=r"page\.md is not UTF-8 text"):
        report.main(checkout)


def test_command(checkout: Path) -> None:
    checked = tellus("bench", "report", checkout, "--check", status=1)
    assert "README.md is out of date" in checked.stdout
    tellus("bench", "report", checkout)
    tellus("bench", "report", checkout, "--check")
    tellus("bench", "report", checkout / "docs", status=2)
