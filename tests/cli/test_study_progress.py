"""What ``sorrelsim study`` shows: a panel of all runs, lines where nobody watches, a table of what came out."""

import io
import math
import sys
import time

import pytest
from rich.console import Console

from sorrelsim.cli.study_progress import StudyProgress
from sorrelsim.experiments.study import open_study
from sorrelsim.experiments.study_file import read_study_file
from sorrelsim.launch.launcher import Launch
from sorrelsim.launch.reports import Report

STUDY = """
base: {world: {name: coins, compiled: false}, seats: [{model: random}], epochs: 4}
conditions: {individual: , "[common]": {seats.0.reward: common}}
sweep: {world.coin_probability: [0.1, 0.2]}
seeds: 3
"""


class Nobody:
    """A crew that plays nothing: reports are given by the test."""

    size = 2


@pytest.fixture
def launch(tmp_path, monkeypatch):
    """A launch of twelve runs, and where they stand: one finished, one failed, one running with three epochs seen."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "coins.yaml").write_text(STUDY)
    launched = Launch(open_study(read_study_file("coins.yaml"), "coins.yaml"), Nobody())
    clock = iter(range(100, 1000, 10))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    one, two, three, *_ = launched.statuses
    one.take(Report(one.run.name, "training", 4, -1.5))
    one.state = "finished"
    two.state, two.error = "failed", "ValueError: [bold]x[/bold] is wrong"
    three.take(Report(three.run.name, "training", 1, 0.5))
    three.take(Report(three.run.name, "training", 2, 0.25))
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    return launched


def drawn(renderable, width=110, height=40):
    console = Console(file=io.StringIO(), width=width, height=height, color_system=None)
    console.print(renderable)
    return console.file.getvalue()


def test_the_panel_has_every_run_and_the_time_that_is_left(launch):
    """The one that runs took 10 s for an epoch and has two left: 20 s. Nine wait, with four epochs each: 9 x 4 x 10 s,
    and one at a time runs: 380 s in all.
    """
    progress = StudyProgress(launch, Console(file=io.StringIO()))
    text = drawn(progress.panel())
    assert "coins · 2 conditions · 2 points · 12 runs" in text
    assert "1 of 12 finished, 1 running, 9 waiting, 1 failed" in text
    assert "6:20 left" in text
    assert f"{launch.statuses[2].run.name}" in text
    row = next(line for line in text.splitlines() if launch.statuses[2].run.name in line)
    assert row.split()[2:6] == ["training", "2/4", "0.250", "0:20"]
    assert "and 4 more" in drawn(StudyProgress(launch, Console(file=io.StringIO(), height=17)).panel())


def test_the_table_has_conditions_failures_and_where_they_are_told(launch):
    text = drawn(StudyProgress(launch, Console(file=io.StringIO())).summary())
    rows = [line.split() for line in text.splitlines()]
    assert ["individual", "0.1", "1/3", "-1.500"] in rows
    assert ["[common]", "0.2", "0/3", "-"] in rows
    assert f"{launch.statuses[1].run.name} failed: ValueError: [bold]x[/bold] is wrong" in text
    assert "log.txt" in text
    assert "The same command goes on with what is missing." in text
    progress = StudyProgress(launch, Console(file=io.StringIO()))
    assert progress.next() == ""
    (launch.study.folder / "report.html").touch()
    assert progress.next() == "next: sorrelsim plot runs/coins (or open runs/coins/report.html)"


def test_lines_where_nobody_watches(launch):
    console = Console(file=io.StringIO(), width=200)
    status = launch.statuses[5]
    with StudyProgress(launch, console) as progress:
        status.take(Report(status.run.name, "loading"))
        progress.changed(status)
        progress.changed(status)
        status.state, status.error, status.kills = "waiting", "its process was ended by SIGKILL", 1
        progress.changed(status)
        status.state = "stopped"  # before its first epoch: there is no return to tell
        progress.changed(status)
    assert console.file.getvalue().splitlines()[1:] == [
        f"{status.run.name}: begun",
        f"{status.run.name}: its process was ended by SIGKILL; it is resumed",
        f"{status.run.name}: stopped, epoch 0/4",
    ]


def test_reports_travel_as_lines():
    report = Report("a", "training", 3, math.nan, "", "1\n2")
    assert str(Report.read(report.line())) == str(report)
    assert report.line().count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_a_study_on_a_terminal_is_one_live_panel(launch):
    console = Console(file=io.StringIO(), width=100, height=30, force_terminal=True)
    with StudyProgress(launch, console):
        time.sleep(0.3)
    assert "Ctrl-C stops and saves" in console.file.getvalue()
