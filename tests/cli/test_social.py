"""``eval`` of mixtures and scenarios, ``cross`` and ``schelling``, as a user types them."""

import csv
import json
from pathlib import Path

import pytest
from social import write_good
from typer.testing import CliRunner

from sorrelsim.cli.app import app

SCENARIO = """
description: One among two who give.
tests: Does it give?
world: {name: good, compiled: false}
focal: [0]
background:
  - {slots: [1, 2], player: good_cooperator}
episodes: 2
"""
CONFIG = """
world: {name: good, compiled: false}
seats: [{slots: all, model: ppo, config: {n_steps: 4, network: {hidden: [4]}}}]
n_worlds: 2
epochs: 1
turns: 4
evaluation: {n_worlds: 1, gif_turns: 2}
"""


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study folder with the public good, as the working directory."""
    monkeypatch.chdir(tmp_path)
    write_good(tmp_path)
    Path("good.yaml").write_text(CONFIG)
    return tmp_path


def call(*arguments):
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "120", "TERM": "dumb"})
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.output


def refused(*arguments):
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, ValueError), result.output + repr(result.exception)
    return str(result.exception)


def test_a_mixture_and_its_files(study):
    text = call(
        "eval", "good", "compiled=false", "--slots", "0=good_cooperator", "--slots", "1,2=good_defector",
        "--episodes", "3", "--json", "out.json", "--csv", "out.csv", "--gif", "out.gif",
    )  # fmt: skip
    assert "agent 0  good_cooperator" in text
    assert "-4.00" in text
    assert "background, per capita" in text
    assert json.loads(Path("out.json").read_text())["focal"] == [0]
    with Path("out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert (rows[0]["measure"], rows[0]["of"], float(rows[0]["mean"])) == ("per_capita_return", "focal", -4)
    assert Path("out.gif").read_bytes().startswith(b"GIF")


def test_a_run_among_others_in_scenarios_and_in_cross_play(study):
    call("train", "good.yaml")
    run = "runs/good-001"
    assert "agent 1  ppo" in call("eval", run, "--episodes", "2", "--json", "run.json", "--csv", "run.csv")
    assert json.loads(Path("run.json").read_text())["players"] == ["ppo"] * 3
    mixed = call("eval", run, "--slots", "1=good_defector", "--focal", "0,2", "--episodes", "2")
    assert mixed.count("good-001") == 2
    assert "good_defector" in mixed
    assert "there is none for good in configs/scenarios" in refused("eval", run, "--scenarios")
    Path("configs/scenarios/good").mkdir(parents=True)
    Path("configs/scenarios/good/givers.yaml").write_text(SCENARIO)
    Path("configs/scenarios/good/learners.yaml").write_text(SCENARIO.replace("player: good_c", "trained: other_c"))
    text = call("eval", run, "--scenarios", "--csv", "scenarios.csv")
    assert "good/givers" in text
    assert "left out: good/learners meets agents of configs/other_cooperator.yaml" in text
    assert Path("scenarios.csv").read_text().startswith("scenario,way,measure,of,slots,player,mean,low,high,episodes")
    given = call("eval", "good_defector", "--scenario", "good/learners", "--trained", f"other_cooperator={run}")
    assert "good/learners" in given
    assert "good/givers" in call("list")
    assert "Does it give?" in call("show", "good/givers")
    text = call("cross", run, "good_defector", "--episodes", "2", "--out", "c.svg", "--csv", "c.csv")
    assert "wrote c.svg and c.csv" in text
    assert Path("c.csv").read_text().count("\n") == 5
    assert "good-001" in Path("c.svg").read_text()


def test_a_schelling_diagram(study):
    text = call(
        "schelling",
        "good",
        "compiled=false",
        "--steps",
        "4",
        "--episodes",
        "3",
        "--out",
        "good.pdf",
        "--csv",
        "good.csv",
    )
    assert "fear: yes. D(0) > C(0), mutual defection is preferred to being exploited: +4.00 [4.00, 4.00]" in text
    assert "this is a social dilemma, by fear and greed" in text
    assert Path("good.pdf").read_bytes().startswith(b"%PDF")
    with Path("good.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["cooperate"]) for row in rows] == [-4, 0, 4]
    assert [float(row["defect"]) for row in rows] == [0, 4, 8]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("eval", "good", "--slots", "0=good_cooperator"), "nobody plays slots 1,2; say who does"),
        (("eval", "good", "--slots", "0-3=random"), "no slot 3; this world has slots 0 to 2"),
        (("eval", "good", "--slots", "random"), "write it as 0,1=runs/harvest_ppo-001 or"),
        (("eval", "godo", "--slots", "0=random"), "did you mean 'good'"),
        (("eval", "runs/good-7"), "nor is there a folder of a run at runs/good-7"),
        (("eval", "good"), "nobody plays slots 0,1,2"),
        (("eval", "good", "--slots", "0=random", "--both"), "--both is for a run alone"),
        (("eval", "good", "--greedy", "--sample"), "exclude each other"),
        (("eval", "random", "--scenarios"), "name one with --scenario"),
        (("eval", "random", "--scenario", "x", "--slots", "0=random"), "a scenario says who plays what"),
        (("schelling", "good", "--out", "good.jpg"), "no kind of picture 'jpg'"),
        (("schelling", "tag"), "there is no cooperator for tag"),
        (("schelling", "good", "--steps", "5", "--cooperator", "rndom"), "did you mean 'random'"),
        (("cross", "random"), "alone has nobody to meet"),
        (("cross", "random", "good_defector"), "give --world"),
        (("cross", "random", "good_defector", "--world", "good", "--focal", "all"), "must leave slots to the others"),
    ],
)
def test_mistakes_are_told(study, arguments, said):
    assert said in refused(*arguments)
    assert not list(study.glob("*.png"))
