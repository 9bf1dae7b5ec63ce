"""A study as data and on disk: which runs follow from a file, what is refused and in which words, how it grows."""

import dataclasses
import re
from pathlib import Path

import pytest

from sorrelsim.experiments.config import load_config
from sorrelsim.experiments.study import StudyRun, check_study, load_study, open_study
from sorrelsim.experiments.study_file import plan, read_study_file
from sorrelsim.settings import ConfigError

BASE = """
world: {name: coins, compiled: false, max_steps: 20, min_steps: 20}
n_worlds: 2
seats: [{model: random}]
epochs: 3
turns: 20
"""
STUDY = """
base: base.yaml
conditions:
  individual:
  common: {seats.0.reward: common}
sweep: {world.coin_probability: [0.005, 0.01]}
seeds: 2
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working directory with a study in ``studies/coins.yaml`` and its base beside it."""
    monkeypatch.chdir(tmp_path)
    Path("studies").mkdir()
    Path("studies/base.yaml").write_text(BASE)
    Path("studies/coins.yaml").write_text(STUDY)
    return tmp_path


def read(*changes, text=None):
    file = Path("studies/coins.yaml")
    if text is not None:
        file.write_text(text)
    return read_study_file(file, changes), str(file)


def names(*changes, text=None):
    return [run.name for run in plan(read(*changes, text=text)[0])]


# ------------------------------------------------------------------------------------------------------- what follows


def test_runs_are_conditions_times_grid_times_seeds_in_the_order_of_the_file(place):
    assert names() == [
        "individual__coin_probability=0.005__seed0",
        "individual__coin_probability=0.005__seed1",
        "individual__coin_probability=0.01__seed0",
        "individual__coin_probability=0.01__seed1",
        "common__coin_probability=0.005__seed0",
        "common__coin_probability=0.005__seed1",
        "common__coin_probability=0.01__seed0",
        "common__coin_probability=0.01__seed1",
    ]


def test_a_grid_crosses_all_its_keys_and_names_them_as_shortly_as_tells_them_apart(place):
    """Two keys end in ``gamma``, so they carry what stands before; ``turns`` stands alone. 2 x 1 x 2 points."""
    text = "base: base.yaml\nsweep: {seats.0.config.gamma: [0.9, 0.99], seats.1.config.gamma: [0.5], turns: [5, 6]}"
    assert names(text=text) == [
        f"base__0.config.gamma={gamma}__1.config.gamma=0.5__turns={turns}__seed0"
        for gamma in ("0.9", "0.99")
        for turns in (5, 6)
    ]


@pytest.mark.parametrize(
    ("seeds", "found"), [("3", [0, 1, 2]), ("[7, 3]", [7, 3]), ("1", [0]), ("1e1", list(range(10)))]
)
def test_seeds_are_a_number_or_a_list(place, seeds, found):
    config, _ = read(f"seeds={seeds}", "sweep={}", "conditions={}")
    assert [run.seed for run in plan(config)] == found


def test_a_number_of_seeds_is_counted_from_the_base_s(place):
    config, _ = read("base.seed=10", "sweep={}", "conditions={}")
    assert [run.seed for run in plan(config)] == [10, 11]


def test_names_are_plain_and_differ_in_any_case(place):
    """``a b`` and ``a/b`` both become ``a_b``, and ``A_b`` differs from it in case alone."""
    text = "base: base.yaml\nconditions: {a b: {}, a/b: {}, A_b: {}, ..: {}}"
    assert names(text=text) == ["a_b__seed0", "a_b__seed0_2", "A_b__seed0_3", "___seed0"]


def test_values_that_are_words_lists_and_files_make_names_as_well(place):
    text = "base: base.yaml\nsweep: {world.map: [./maps/big.yaml, open], seats.0.slots: [[0, 1], all]}"
    assert [name.removesuffix("__seed0") for name in names(text=text)] == [
        "base__map=big__slots=0_1",
        "base__map=big__slots=all",
        "base__map=open__slots=0_1",
        "base__map=open__slots=all",
    ]


def test_each_run_s_config_is_the_base_with_its_changes(place):
    study = open_study(*read())
    run = study.runs[-1]
    assert run == StudyRun(
        Path("runs/coins/runs/common__coin_probability=0.01__seed1"), "common", {"world.coin_probability": 0.01}, 1
    )
    config = study.config_of(run)
    assert config.seats[0].reward == "common"
    assert config.world == {
        "name": "coins", "compiled": False, "max_steps": 20, "min_steps": 20, "coin_probability": 0.01
    }  # fmt: skip
    assert (config.seed, config.name, config.epochs) == (1, run.name, 3)
    assert study.config_of(study.runs[0]).seats[0].reward == "individual"
    assert load_config(study.prepare(run) / "config.yaml") == config


def test_runs_step_with_one_thread_unless_the_study_says_otherwise(place):
    study = open_study(*read("conditions.common.threads=3"))
    assert [study.config_of(run).threads for run in (study.runs[0], study.runs[-1])] == [1, 3]


def test_changes_of_the_command_line_reach_base_conditions_and_sweep(place):
    config, _ = read(
        "base.world.n_agents=2", "conditions.common.seats.0.reward.name=common", "conditions.third.epochs=9",
        "sweep.turns=[5]", "name=other",
    )  # fmt: skip
    assert config.base["world"]["n_agents"] == 2
    assert config.conditions["common"] == {"seats.0.reward": "common", "seats.0.reward.name": "common"}
    assert config.conditions["third"] == {"epochs": 9}
    assert config.sweep == {"world.coin_probability": [0.005, 0.01], "turns": [5]}
    assert config.name == "other"


def test_a_base_that_is_written_out_and_names_its_world_only_can_be_changed(place):
    text = "base: {world: coins, seats: [{model: random}]}\nsweep: {world.coin_probability: [0.1]}"
    config, _ = read("base.world.compiled=false", text=text)
    assert config.base["world"] == {"name": "coins", "compiled": False}


# ---------------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["sed=1"], "studies/coins.yaml has no setting 'sed'; did you mean 'seeds'?"),
        (["epochs=3"], "epochs is a key of the base: write base.epochs"),
        (["base=bse.yaml"], "studies/coins.yaml: in studies: no base 'bse.yaml'; did you mean 'base.yaml'?"),
        (["base.epocs=2"], "studies/coins.yaml: base has no setting 'epocs'; did you mean 'epochs'?"),
        (
            ["conditions.common.seats.0.rewrad=common"],
            "studies/coins.yaml: condition common, world.coin_probability=0.005: seats.0 has no setting 'rewrad'; "
            "did you mean 'reward'?",
        ),
        (["conditions.common.seats.3.reward=common"], "seats is a list of 1"),
        (["conditions.common.seed=3"], "conditions.common has the key 'seed', which a study decides itself: see seeds"),
        (["sweep.name=[a]"], "sweep has the key 'name', which a study decides itself"),
        (["sweep.epochs=3"], "sweep.epochs must be a list of values such as [0.1, 0.2], got 3"),
        (["sweep.epochs=[]"], "sweep.epochs must be a list of values such as [0.1, 0.2], got []"),
        (["sweep.epochs=[1, 1]"], "sweep.epochs has 1 twice"),
        (["seeds=[1, 1]"], "seeds has 1 twice"),
        (["seeds=[]"], "seeds must be a number, or a list such as [0, 1, 2], got []"),
        (["seeds=0"], "seeds must be 1 to 100000"),
        (["seeds=-1"], "seeds must be 1 to 100000"),
        (["sweep.seats.0.reward=[common]"], "seats.0.reward is changed by the condition common and swept as well"),
        (["conditions.common=3"], "conditions.common must be changes such as {epochs: 5}, got 3"),
        (["conditions={yes: {}}"], "the name True is a word that YAML keeps for itself; put it in quotes"),
        (["name=../elsewhere"], "is no name of a folder"),
        (["conditions.common.world..x=1"], "has the key 'world..x'; write dotted keys such as seats.0.reward"),
        # What only the models and the world themselves know:
        (
            ["conditions.common.seats.0.config.n_step=3"],
            "condition common, world.coin_probability=0.005: seat random_0:",
        ),
        (["conditions.common.world.coin_probabilty=1"], "did you mean 'coin_probability'?"),
        (["sweep.world.coin_probability=[0.1, 2.0]"], "condition individual, world.coin_probability=2.0: world:"),
        (["conditions.common.seats.0.load=none.safetensors"], "none.safetensors"),
    ],
)
def test_whatever_is_wrong_is_told_with_file_and_key_before_anything_is_written(place, changes, said):
    with pytest.raises(ValueError, match=re.escape(said)) as error:
        check_study(*read(*changes))
    assert str(error.value).startswith("studies/")
    assert not Path("runs").exists()


def test_a_file_that_is_missing_or_no_study_is_told(place):
    with pytest.raises(ConfigError, match=r"no study 'studies/coin.yaml'; did you mean 'studies/coins.yaml'"):
        read_study_file("studies/coin.yaml")
    with pytest.raises(ConfigError, match=r"is the config of a run, not a study: sorrelsim train studies/base.yaml"):
        read_study_file("studies/base.yaml")
    with pytest.raises(ConfigError, match=r"studies is no study folder: it has no study.yaml"):
        read_study_file("studies")
    Path("runs/coins").mkdir(parents=True)
    Path("runs/coins/study.yaml").touch()
    with pytest.raises(ConfigError, match=r"runs is no study folder: it has no study.yaml; it holds runs/coins$"):
        read_study_file("runs")
    with pytest.raises(ConfigError, match=r"it has no study.yaml; a study's file is run with: sorrelsim study"):
        load_study("studies/coins.yaml")


# ------------------------------------------------------------------------------------------------------- on disk


def test_a_study_reads_back_as_it_was_written(place):
    study = open_study(*read())
    assert load_study("runs/coins") == dataclasses.replace(study, config=load_study("runs/coins").config)
    assert load_study("runs/coins").config.base == study.config.base
    assert [run.state for run in study.runs] == ["absent"] * 8
    study.prepare(study.runs[0])
    assert [run.state for run in load_study("runs/coins").runs] == ["begun"] + ["absent"] * 7
    assert "&id" not in Path("runs/coins/study.yaml").read_text()  # no aliases for readers to puzzle over


def test_a_study_that_has_moved_is_read_where_it_lies(place):
    open_study(*read())
    Path("archive").mkdir()
    Path("runs/coins").rename("archive/old")
    study = load_study("archive/old")
    assert study.runs[0].folder == Path("archive/old/runs/individual__coin_probability=0.005__seed0")
    assert open_study(read_study_file("archive/old"), "archive/old").folder == Path("archive/old")


def test_the_same_file_goes_on_and_another_is_refused_with_what_differs(place):
    before = open_study(*read())
    assert open_study(*read()) == before
    for changes, differs in [
        (["base.epochs=4"], "base.epochs: 3 there, 4 here"),
        (["seeds=1"], "seeds: 2 there, 1 here"),
        (["conditions.common.seats.0.reward=mean"], "conditions.common.seats.0.reward: common there, mean here"),
        (["sweep={}"], "sweep.world.coin_probability: [0.005, 0.01] there, nothing here"),
    ]:
        with pytest.raises(ConfigError, match="the study in runs/coins is another one") as error:
            check_study(*read(*changes))
        assert differs in str(error.value)
        assert "Choose another name (name=coins-2)" in str(error.value)
        assert load_study("runs/coins").runs == before.runs


def test_a_study_grows_by_seeds_conditions_and_values(place):
    before = {run.folder for run in open_study(*read()).runs}
    grown = open_study(*read("seeds=3", "conditions.third.epochs=9", "sweep.world.coin_probability=[0.01, 0.005, 0.1]"))
    assert len(grown.runs) == 3 * 3 * 3
    assert before < {run.folder for run in grown.runs}
    assert load_study("runs/coins").runs == grown.runs


def test_a_folder_that_is_something_else_is_left_alone(place):
    Path("runs/coins").mkdir(parents=True)
    Path("runs/coins/notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="runs/coins is there and is no study folder; choose another name"):
        check_study(*read())
    assert [path.name for path in Path("runs/coins").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("seed0", "../../../elsewhere", "study.yaml: runs.0.folder"),
        ("condition: individual", "condition: nobody", "it lists runs of 'nobody', which is none of its conditions"),
        ("runs:", "rusn:", "did you mean 'runs'?"),
        ("base:", "base: 3\nbsae:", "base"),
    ],
)
def test_a_damaged_study_is_told(place, old, new, said):
    open_study(*read())
    file = Path("runs/coins/study.yaml")
    file.write_text(file.read_text().replace(old, new, 1))
    with pytest.raises(ConfigError) as error:
        load_study("runs/coins")
    assert said in str(error.value)


def test_a_stranger_s_study_folder_runs_no_file_of_its_own_unless_trusted(place, tmp_path):
    """Nothing is imported: the file would leave a mark."""
    Path("evil.py").write_text(f"open({str(tmp_path / 'mark')!r}, 'w')")
    open_study(*read("base.world.name=./evil.py"))
    with pytest.raises(ConfigError, match="run only if you trust it: add --trust"):
        check_study(read_study_file("runs/coins"), "runs/coins", trust=False)
    assert not Path("mark").exists()
