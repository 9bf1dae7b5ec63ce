"""Configs: what they may say, and how an error names the file, the key and the nearest match."""

import pytest
import yaml

from sorrelsim.experiments.config import ConfigError, dump_config, load_config, read_config
from sorrelsim.experiments.seating import make_world

SHORT = "world: treasure_hunt\nseats:\n  - model: random\n"


@pytest.fixture
def write(tmp_path):
    def write(text, name="study.yaml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def test_the_shortest_config(write):
    config = load_config(write(SHORT))
    assert config.world == {"name": "treasure_hunt"}
    assert config.name == "study"
    assert config.seats[0].slots == "each"
    assert config.seats[0].learn


def test_changes_reach_every_depth(write):
    config = load_config(
        write(SHORT),
        [
            "epochs=3",
            "world.n_agents=4",
            "seats.0.config.learning_rate=1e-3",
            "evaluation.every=2",
            "seats.0.slots=[1, 2]",
        ],
    )
    assert config.epochs == 3
    assert config.world == {"name": "treasure_hunt", "n_agents": 4}
    assert config.seats[0].config == {"learning_rate": 0.001}
    assert config.evaluation.every == 2
    assert config.seats[0].slots == [1, 2]


def test_a_config_written_out_reads_as_the_same(write):
    config = load_config(write(SHORT), ["world.window={forward: 2}", "seats.0.reward={name: common, kind: mean}"])
    assert read_config(yaml.safe_load(dump_config(config))) == config


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("worlds: treasure_hunt\nseats: [{model: random}]", ["no setting 'worlds'", "did you mean 'world'"]),
        ("world: treasure_hunt\nseats: [{modle: random}]", ["seats.0", "no setting 'modle'", "did you mean 'model'"]),
        (SHORT + "evaluation: {evry: 2}", ["evaluation", "no setting 'evry'", "did you mean 'every'"]),
        (SHORT + "epochs: many", ["epochs", "'many'"]),
        (SHORT + "epochs: 0", ["epochs", "must be 1 to 1000000000000", "0"]),
        (SHORT + "seed: -1", ["seed", "-1"]),
        ("seats: [{model: random}]", ["world", "is missing"]),
        ("world: {map: field}\nseats: [{model: random}]", ["world", "a world needs a name"]),
        ("world: treasure_hunt\nseats: []", ["seats"]),
        ("world: treasure_hunt\nseats: [{slots: []}]", ["seats.0", "no slots"]),
        ("world: treasure_hunt\nseats: [{slots: some}]", ["seats.0.slots", "'each' or 'all'", "'some'"]),
        ("world: treasure_hunt\nseats: [{}, {slots: all}]", ["both take all slots"]),
        ("- world", ["a config is a mapping", "world, seats"]),
        ("world: [", ["is not YAML"]),
    ],
)
def test_errors_name_file_and_key(write, text, said):
    with pytest.raises(ConfigError) as error:
        load_config(write(text))
    for words in ["study.yaml", *said]:
        assert words in str(error.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("epochs", "write key=value"),
        ("seats.model=iqn", "seats is a list of 1: write seats.0"),
        ("seats.3.model=iqn", "seats is a list of 1"),
        ("name.a=1", "which has no"),
        ("seats.0.config=[", "not YAML"),
    ],
)
def test_changes_that_make_no_sense(write, change, said):
    with pytest.raises(ConfigError, match=said.replace("[", "\\[")):
        load_config(write(SHORT + "name: study\n"), [change])


def test_a_missing_file_names_the_nearest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "harvest.yaml").write_text(SHORT)
    with pytest.raises(ConfigError, match=r"did you mean 'configs/harvest\.yaml'"):
        load_config("configs/havest.yaml")


def test_a_study_or_a_run_is_told_from_a_config(write, tmp_path):
    study = write("base: tiny.yaml\nseeds: 3\n")
    with pytest.raises(ConfigError, match=r"study.yaml is a study, not the config of a run: sorrelsim study /"):
        load_config(study)
    with pytest.raises(ConfigError, match=r"no config '.*/stud.yml'; did you mean '.*/study.yaml'"):
        load_config(tmp_path / "stud.yml")
    write(SHORT, "config.yaml")
    with pytest.raises(ConfigError, match=r"is the folder of a run; to go on with it: sorrelsim train --resume /"):
        load_config(tmp_path)


def test_a_tab_is_told_with_its_line(write):
    with pytest.raises(ConfigError, match=r"study.yaml, line 5: a tab; YAML is indented by spaces"):
        load_config(write(SHORT + "evaluation:\n\tevery: 2\n"))
    with pytest.raises(ConfigError, match=r"is not YAML: mapping values are not allowed"):
        load_config(write("name:\tb: c\n"))  # a tab may part a key from its value: it is not what is wrong


def test_a_place_beyond_a_list_is_told_with_what_is_there(write):
    with pytest.raises(ConfigError, match=r"seats is a list of 1: write seats.0, not seats.3"):
        load_config(write(SHORT), ["seats.3.model=random"])


@pytest.mark.parametrize("key", ["n_worlds", "seed"])
def test_a_key_of_the_run_in_its_world_is_told(write, key):
    config = load_config(write(SHORT), [f"world.{key}=3"])
    with pytest.raises(ConfigError, match=rf"world: {key} is a key of the config, beside world and not in it: {key}=3"):
        make_world(config)
