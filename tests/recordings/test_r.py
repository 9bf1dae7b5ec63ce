"""The docs' R code: it names columns that tables have, and with R at hand it comes to the same numbers as pandas."""

import csv
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from sorrelsim.recordings import Recorder, WorldSpec, load_recording

PAGE = Path(__file__).parents[2] / "docs" / "play.md"
OF_R = {"data", "FUN", "median", "episodes"}  # arguments, a function, and the table


def code():
    (block,) = re.findall(r"^```r\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    return block


@pytest.fixture
def folder(tmp_path):
    """Where the table lies that the code reads: of two people, three turns each, seen at 100 ms of every 1000."""
    spec = WorldSpec("coins", seed=3)
    path, world = tmp_path / "session.jsonl", spec.make()
    study = {"participant": "P07", "condition": "told"}
    with Recorder(path, spec, world, ["person", "person"], [0, 1], study) as recorder:
        for turn in range(3):
            world.step(np.zeros((1, 2), np.int64))
            start, late = 1000.0 * turn, 100.0 + 50 * turn  # reaction times of 100, 150 and 200, and twice as much
            pressed = {0: start + 100 + late, 1: start + 100 + 2 * late}
            recorder.turn(world, [0, 0], start + 900, pressed, False, start + 100)
    load_recording(path).save_table(tmp_path / "episodes.csv", of="episodes")
    return tmp_path


def test_every_column_that_it_names_is_in_the_table(folder):
    assert '"episodes.csv"' in code()
    with (folder / "episodes.csv").open() as file:
        columns, *rows = csv.reader(file)
    named = set(re.findall(r"(?<![\w.])[A-Za-z][\w.]*(?![\w.(])", re.sub(r'"[^"]*"', "", code()))) - OF_R
    assert {"reaction_ms", "participant", "condition", "human"} <= named <= set(columns)
    # What R's as.logical takes for true: T, TRUE, true and True.
    assert {row[columns.index("human")] for row in rows} == {"True"}


def test_pandas_comes_to_the_median_of_medians(folder):
    pandas = pytest.importorskip("pandas")
    episodes = pandas.read_csv(folder / "episodes.csv")
    assert episodes["reaction_ms"].tolist() == [150, 300]
    found = episodes[episodes["human"]].groupby(["participant", "condition"])["reaction_ms"].median()
    assert found.to_dict() == {("P07", "told"): 225}  # between 150 and 300


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="Rscript is not installed: the docs' R code is not run")
def test_it_comes_to_what_pandas_comes_to(folder):
    (folder / "page.r").write_text(code())
    out = subprocess.run(["Rscript", "page.r"], cwd=folder, capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1].split() == ["1", "P07", "told", "225"]
