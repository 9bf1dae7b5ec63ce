"""``sorrelsim plot`` as a user calls it: what it draws, what it says, and what it says to do next."""

import re
from pathlib import Path

import pytest
from PIL import Image
from study_folders import write_run, write_study
from typer.testing import CliRunner

from sorrelsim.cli.app import app


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for k in (1, 2):
        write_run(f"runs/a-{k:03d}", [1.0 * k, 2.0 * k, 3.0], gems=[1.0] * 3, gems_0=[1.0] * 3, seed=k)
    runs = [(c, {"world.coin_probability": x}, s, {"values": [0.0, x * 100 + s]})
            for c in ("low", "high") for x in (0.01, 0.02) for s in (0, 1)]  # fmt: skip
    write_study("runs/grid", runs, sweep={"world.coin_probability": [0.01, 0.02]})
    return tmp_path


def plot(*arguments):
    """Returns what the command says: on stdout, and aside."""
    result = CliRunner().invoke(app, ["plot", *arguments])
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.stdout, result.stderr


def error(*arguments):
    result = CliRunner().invoke(app, ["plot", *arguments])
    assert isinstance(result.exception, ValueError), result.output + repr(result.exception)
    return str(result.exception)


def width(path):
    with Image.open(path) as picture:
        return picture.size[0]


def test_one_run_has_its_own_picture(place):
    assert plot("runs/a-001")[0] == "wrote runs/a-001/curve.png\n"
    assert plot("runs/a-001", "-o", "x.pdf")[0] == "wrote x.pdf\n"
    assert Path("x.pdf").read_bytes().startswith(b"%PDF")


def test_several_runs_have_a_curve_each_or_their_mean(place):
    said, aside = plot("runs/a-001", "runs/a-002")
    assert said == "wrote curves.png: a-001 (1 run), a-002 (1 run)\n"
    assert not aside
    said, _ = plot("runs/a-001", "runs/a-002", "--mean", "-c", "measures", "-c", "events", "-o", "x.svg")
    assert said == "wrote x.svg: a (2 runs); bands and bars: 95% bootstrap intervals of the mean over runs\n"
    assert ">gems</text>" in Path("x.svg").read_text()


def test_widths(place):
    plot("runs/a-001", "-c", "return_mean", "--width", "2", "-o", "x.png")
    assert width("x.png") == 600


def test_a_study_is_drawn_over_what_it_sweeps_or_over_training(place):
    said, _ = plot("runs/grid", "-o", "x.svg")
    assert said.startswith("wrote x.svg: low (4 runs), high (4 runs)")
    assert ">coin probability</text>" in Path("x.svg").read_text()
    plot("runs/grid", "--kind", "curves", "-o", "x.svg")
    drawn = Path("x.svg").read_text()
    assert ">agent-steps</text>" in drawn
    assert ">coin probability 0.02</text>" in drawn
    said, _ = plot("runs/grid", "--at", "coin_probability=0.02", "-o", "x.svg")
    assert said.startswith("wrote x.svg: low (2 runs), high (2 runs)")
    assert ">agent-steps</text>" in Path("x.svg").read_text()


def test_a_study_beside_a_run_is_named(place):
    said, aside = plot("runs/grid", "runs/a-001", "--at", "coin_probability=0.01", "--kind", "curves")
    assert said.startswith("wrote curves.png: grid: low (2 runs)")
    assert not aside


def test_runs_of_several_worlds_are_drawn_apart_and_it_is_said(place):
    write_run("runs/h-001", [100.0, 300.0], world="harvest")
    _, aside = plot("runs/a-001", "runs/h-001", "-o", "x.svg")
    assert aside == "these are runs of 2 worlds, coins, harvest: each has panels of its own\n"
    drawn = Path("x.svg").read_text()
    assert ">coins</text>" in drawn
    assert ">harvest</text>" in drawn
    assert re.search(r">2(\.0)?</text>", drawn), "returns of 1 to 3 have a scale of their own"
    assert ">300</text>" in drawn


def test_an_interrupted_run_is_drawn_as_far_as_it_got_but_not_into_a_mean(place):
    write_run("runs/a-003", [9.0, 9.0], end=None)
    _, aside = plot("runs/a-001", "runs/a-003")
    assert aside == "a-003 is not finished: drawn as far as it got, 2 epochs\n"
    said, aside = plot("runs/a-001", "runs/a-002", "runs/a-003", "--mean")
    assert said.startswith("wrote curves.png: a (2 runs)")
    assert aside == "left out of the means, since not finished: a-003; --unfinished draws them too\n"
    said, _ = plot("runs/a-001", "runs/a-002", "runs/a-003", "--mean", "--unfinished")
    assert said.startswith("wrote curves.png: a (3 runs)")


def test_a_study_that_is_not_done(place):
    runs = [("low", {}, 0, {"values": [1.0]}), ("low", {}, 1, {"values": [2.0], "end": None}), ("low", {}, 2, None)]
    write_study("runs/part", runs, ["low"], seeds=3)
    said, aside = plot("runs/part")
    assert "low (1 run)" in said
    assert aside == "runs/part: 2 of 3 runs are left out: 1 begun, 1 absent; sorrelsim study runs/part goes on\n"
    write_study("runs/none", runs[1:], ["low"], seeds=[1, 2])
    assert error("runs/none") == (
        "runs/none: none of its 2 runs is finished (--unfinished draws those that have begun); "
        "sorrelsim study runs/none goes on"
    )
    said, _ = plot("runs/none", "--unfinished")
    assert "low (1 run)" in said


def test_a_sweep_within_a_run(place):
    rows = ["epoch,env_steps,gem_value,copies,return_mean,return_0", "1,50,1,2,1.5,1", "1,50,5,2,2.5,2"]
    Path("runs/a-001/sweep.csv").write_text("\r\n".join(rows) + "\r\n")
    said, _ = plot("runs/a-001", "--kind", "sweep", "-o", "x.svg")
    assert said == "wrote x.svg: a-001 (1 run)\n"
    assert ">gem value</text>" in Path("x.svg").read_text()
    assert "runs/a-002 has no sweep.csv" in error("runs/a-002", "--kind", "sweep")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["runs/a-01"], "no run or study 'runs/a-01'; did you mean 'runs/a-001'"),
        (["runs"], "runs holds runs and is none itself; name some of them, such as runs/a-001, or runs/*"),
        (["empty"], "empty is no run folder: it has no metrics.csv; sorrelsim train makes them, in runs/"),
        (["file.yaml"], "file.yaml is a file, not the folder of a run or study"),
        (["runs/begun"], "runs/begun: this run has not begun: it has no metrics.csv"),
        (["runs/no_epoch"], "runs/no_epoch: no epoch of this run is done yet"),
        (["runs/a-001", "-c", "retrun_mean"], "no column 'retrun_mean'; did you mean 'return_mean'"),
        (["runs/a-001", "-o", "x.gif"], "x.gif: no kind of picture 'gif'"),
        (
            ["runs/grid", "--at", "world.coin_probabilty=1"],
            "did you mean 'world.coin_probability'",
        ),
        (["runs/grid", "--at", "coin_probability=3"], "no run has world.coin_probability=3; its values: 0.01, 0.02"),
        (["runs/a-001", "runs/a-002", "--kind", "sweep"], "runs/a-001 has no sweep.csv"),
    ],
)
def test_mistakes_say_what_to_do_next(place, arguments, said):
    Path("empty").mkdir()
    Path("file.yaml").touch()
    write_run("runs/begun", [1.0])
    Path("runs/begun/metrics.csv").unlink()
    write_run("runs/no_epoch", [])
    assert said in error(*arguments)
    assert not list(Path().glob("*.png"))


def test_a_study_that_sweeps_beside_one_that_does_not(place):
    write_study("runs/plain", [("low", {}, s, {"values": [0.0, 1.0]}) for s in (0, 1)], conditions=("low",))
    said, _ = plot("runs/grid", "runs/plain", "-o", "x.svg")  # they share their training, and no axis of values
    assert ", plain: low (2 runs)" in said
    assert ">agent-steps</text>" in Path("x.svg").read_text()
    told = error("runs/grid", "runs/plain", "--kind", "sweep")
    assert told.startswith("plain: low: no place over world.coin_probability, which is swept elsewhere; leave it out")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (b"epoch,return_mean\n1,2,3\n", "row 2 has 3 values for 2 columns"),
        (b"epoch,return_mean\n1,2\n\n2\n", "row 3 has 1 values for 2 columns"),
        (b"epoch,\xff\n1,2\n", "can't decode byte 0xff"),
    ],
)
def test_a_damaged_table_is_named(place, written, said):
    Path("runs/a-001/metrics.csv").write_bytes(written)
    told = error("runs/a-001", "runs/a-002")
    assert told.startswith("runs/a-001/metrics.csv is damaged: ")
    assert said in told
