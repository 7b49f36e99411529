"""Names that are not UTF-8, hold formulas or escape sequences."""

import os
from pathlib import Path

import matplotlib.figure
import pytest

from helpers.rollouts import short_run, tellus
from helpers.run_fixtures import one_field
from tellus.io.shown import in_picture, shown

__all__ = ["one_field"]

NAME = os.fsdecode(b"r\xe9s $\\frac$ \x1b[31m")


def test_what_can_be_printed_stays_as_it_is() -> None:
    assert shown("résultat 日本 <b>") == "résultat 日本 <b>"
    assert shown(NAME) == "r\\udce9s $\\frac$ \\x1b[31m"
    assert in_picture("$x$") == r"\$x\$"


@pytest.mark.usefixtures("one_field", "drawn")
def test_a_run_of_such_a_name_is_compared_exported_and_told(tmp_path: Path) -> None:
    runs = [short_run(tmp_path / NAME), short_run(tmp_path / "other")]
    report = tmp_path / "report.html"
    compared = tellus("compare", *runs, "--out", report).stdout
    drawn = tellus("plot", runs[0], "--frames", "1").stdout
    told = tellus("info", runs[0]).stdout
    for text in (compared, drawn, told, report.read_text(encoding="utf-8")):
        assert "frac" in text
        assert "\x1b" not in text
    assert "\\x1b[31m" in told
    tellus("export", runs[0], "--to", "netcdf", "--out", tmp_path / "run.nc")


def test_a_path_that_a_configuration_cannot_hold_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "case.toml"
    file.write_text("")
    start = ["--set", "initial.kind=file", "--set", f"initial.path={tmp_path / NAME}"]
    said = tellus("run", file, "--out", tmp_path / "out", *start, status=2).stderr
    assert "not UTF-8" in said
    assert not (tmp_path / "out").exists()


def test_labels_draw(tmp_path: Path) -> None:
    figure = matplotlib.figure.Figure()
    figure.subplots().plot([0, 1], label=in_picture(NAME))
    figure.legend()
    figure.savefig(tmp_path / "legend.png")
    figure.suptitle("$\\frac$")
    with pytest.raises(ValueError, match="frac"):  # what it would be without
        figure.savefig(tmp_path / "broken.png")
