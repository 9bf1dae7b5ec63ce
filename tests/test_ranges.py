"""Every setting of learners, bots, reward transforms, seats and configs: below, above and beside its range.

The values come from what each setting declares, so a setting that is added is held to its range as well.
"""

import dataclasses
import math
import os
import re
import types
import typing
from pathlib import Path

import pytest

import sorrelsim
from sorrelsim.experiments import config as configs
from sorrelsim.experiments.loop import Experiment
from sorrelsim.library.catalogue import entries
from sorrelsim.library.find import find_class
from sorrelsim.models.base import BaseModel
from sorrelsim.models.rewards import TRANSFORMS
from sorrelsim.models.torch.encoders import NetworkConfig
from sorrelsim.settings import ConfigError, Range, parse_config

MODELS = {entry.name: find_class(entry.name, "agents", BaseModel) for entry in entries("agents")}
CLASSES = [
    *{cls.Config for cls in MODELS.values()},
    NetworkConfig,
    *TRANSFORMS.values(),
    configs.SeatConfig,
    configs.EvaluationConfig,
    configs.ExperimentConfig,
]


def numbers(hint):
    """The number types and ranges that a hint holds, wherever in it: (type, range or None)."""
    if typing.get_origin(hint) is typing.Annotated:
        inner, *marks = typing.get_args(hint)
        declared = [mark for mark in marks if isinstance(mark, Range)]
        if inner in (int, float):
            return [(inner, declared[0] if declared else None)]
        return numbers(inner)
    if hint in (int, float):
        return [(hint, None)]
    if typing.get_origin(hint) in (typing.Union, types.UnionType, list, tuple):
        return [found for each in typing.get_args(hint) for found in numbers(each)]
    return []


def settings():
    for cls in sorted(CLASSES, key=lambda each: (each.__name__, each.__module__)):
        hints = typing.get_type_hints(cls, include_extras=True)
        for field in dataclasses.fields(cls):
            if field.init:
                for kind, declared in numbers(hints[field.name]):
                    yield pytest.param(
                        cls, field.name, hints[field.name], kind, declared, id=f"{cls.__name__}.{field.name}"
                    )


def given(cls, name, value, hint):
    """Settings with one value, put where it goes, and whatever the class needs besides."""
    wrapped = (
        [value] if any(typing.get_origin(each) in (list, tuple) for each in (hint, *typing.get_args(hint))) else value
    )
    needed = {"world": "coins", "seats": [{}]} if cls is configs.ExperimentConfig else {}
    return needed | {name: wrapped}


def outside(kind, declared):
    if kind is int:
        return [declared.low - 1, declared.high + 1, -(10**30), 10**30]
    lower = declared.low if declared.above else math.nextafter(declared.low, -math.inf)
    return [lower, math.nextafter(declared.high, math.inf), -1e300, 1e300]


def inside(kind, declared):
    if kind is int:
        return [declared.low, declared.low + 1, declared.high - 1, declared.high]
    return [math.nextafter(declared.low, math.inf) if declared.above else declared.low, declared.high]


def attempt(call, *given):
    """Returns what a call gives, and what it refuses with."""
    try:
        return call(*given), None
    except ConfigError as error:
        return None, error


def test_there_are_as_many_settings_as_we_know_of():
    assert len(list(settings())) > 70
    assert len(MODELS) >= 10


@pytest.mark.parametrize(("cls", "name", "hint", "kind", "declared"), list(settings()))
def test_every_number_declares_its_range_and_is_held_to_it(cls, name, hint, kind, declared):
    assert declared is not None, "a number without a range"
    assert math.isfinite(declared.low)
    assert math.isfinite(declared.high)
    place = re.escape(f"{cls.__name__}.{name}")
    others = [math.nan, math.inf, -math.inf, True, False, "x", "nan", {}, b"1", 1 + 1j]
    others += [declared.low + 0.5] if kind is int else []
    others += [None] if types.NoneType not in typing.get_args(hint) else []
    for value in [*outside(kind, declared), *others]:
        with pytest.raises(ConfigError, match=place) as error:
            parse_config(cls, given(cls, name, value, hint), cls.__name__)
        assert "\n" not in str(error.value)
        assert len(str(error.value)) < 400
    for value in inside(kind, declared):
        built, error = attempt(parse_config, cls, given(cls, name, value, hint), cls.__name__)
        if error is None:
            assert getattr(built, name) in (value, [value], (value,))
        else:  # what does not go together is another matter, and said otherwise
            assert not re.search(place + " must be", str(error))


@pytest.mark.parametrize(("cls", "name", "hint", "kind", "declared"), list(settings()))
def test_a_class_that_is_built_by_hand_is_held_to_the_same(cls, name, hint, kind, declared):
    if cls.__module__.startswith("sorrelsim.experiments"):
        pytest.skip("configs are read, by parse_config")
    build = {model.Config: model for model in MODELS.values()}.get(cls)
    for value in [outside(kind, declared)[0], math.nan, True]:
        wrapped = given(cls, name, value, hint)
        with pytest.raises(ValueError, match=name):
            hand_made(build, cls, wrapped)


def hand_made(model, cls, settings):
    """Builds a class by hand, and the model whose config it is."""
    config = cls(**settings)
    world = sorrelsim.make("treasure_hunt", compiled=False)
    return model and model(world.observations, world.action_names, config=config)


NAMED = [
    ("ppo", "clip", -0.2), ("iqn", "kappa", -1.0), ("iqn", "kappa", 0), ("iqn", "target_tau", 2),
    ("ppo", "gae_lambda", 2),
    ("iqn", "target_every", 0), ("ppo", "n_minibatches", 0), ("iqn", "n_taus", -1), ("iqn", "n_taus", 0),
    ("ddqn", "anneal_steps", -5), ("ppo", "n_epochs", 0), ("ppo", "learning_rate", -1), ("ppo", "n_steps", 0),
    ("ddqn", "learning_rate", float("nan")), ("ddqn", "gamma", True), ("ddqn", "priority_exponent", 0),
    ("ppo", "sequence_length", 0), ("iqn", "n_cosines", 0), ("iqn", "memory_size", 1e30), ("iqn", "n_frames", 0),
]  # fmt: skip


@pytest.mark.parametrize(("model", "name", "value"), NAMED)
def test_what_an_experiment_is_told(model, name, value):
    config = {"world": "treasure_hunt", "seats": [{"slots": "all", "model": model, "config": {name: value}}]}
    with pytest.raises(ConfigError, match=rf"seat {model}: {model.upper()}\.{name} must be .*, got "):
        Experiment(config)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"evaluation": {"n_worlds": 1e9}}, "evaluation.n_worlds must be 1 to 100000, got 1000000000"),
        ({"torch_threads": 1000}, rf"torch_threads must be 1 to {os.cpu_count()}, the cores of this machine, got 1000"),
        ({"seats": [{"load": ""}]}, "seats.0.load"),
        ({"seats": [{"slots": [-1]}]}, "seats.0.slots.0 must be 0 to"),
        ({"seats": [{"slots": [True]}]}, "seats.0.slots.0 must be int, got True"),
        ({"epochs": "1:30"}, "epochs must be int, got '1:30'"),
        ({"runs": ""}, "runs"),
        ({"seats": [{"reward": {"name": "inequity_aversion", "alpha": -1}, "model": "iqn"}]}, "alpha must be 0 to"),
        (
            {"seats": [{"reward": {"name": "social_value_orientation", "angle": 1e9}, "model": "iqn"}]},
            "angle must be -180",
        ),
    ],
)
def test_what_a_config_is_told(change, said):
    with pytest.raises(ConfigError, match=said):
        Experiment({"world": {"name": "treasure_hunt", "compiled": False}, "seats": [{}]} | change)


def test_a_run_of_a_larger_machine_still_loads(tmp_path):
    from sorrelsim.experiments.run import load_run

    text = "world: treasure_hunt\nseats: [{}]\ntorch_threads: 512\n"
    (tmp_path / "config.yaml").write_text(text)
    assert load_run(tmp_path).config.torch_threads == 512


LOWEST = {
    "ddqn": {"prioritised": True, "batch_size": 1, "memory_size": 200, "warmup": 0, "steps_between_updates": 1},
    "dqn_apex": {
        "batch_size": 1,
        "memory_size": 200,
        "warmup": 0,
        "steps_between_updates": 1,
        "target_every": None,
    },
    "iqn": {"batch_size": 1, "memory_size": 200, "warmup": 0, "steps_between_updates": 1, "noisy": True},
    "qr_dqn": {"batch_size": 1, "memory_size": 200, "warmup": 0, "steps_between_updates": 1, "dueling": True},
    "rainbow": {"batch_size": 1, "memory_size": 200, "warmup": 0, "steps_between_updates": 1, "n_atoms": 3},
    "r2d2": {
        "batch_size": 1,
        "memory_size": 200,
        "warmup": 0,
        "steps_between_updates": 1,
        "sequence_length": 2,
        "recurrent_size": 2,
    },
    "ppo": {"n_steps": 4},
    "a2c": {"n_steps": 4, "sequence_length": 4},
    "a3c": {"n_steps": 4, "sequence_length": 4},
    "trpo": {"n_steps": 4},
    "impala": {"n_steps": 4, "sequence_length": 1},
    "pqn": {"n_steps": 4},
}


@pytest.mark.parametrize("model", LOWEST)
def test_every_learner_trains_at_the_low_end_of_every_setting(model):
    """No setting within its range is a traceback in mid-training, alone at its low end."""
    cls = MODELS[model].Config
    hints = typing.get_type_hints(cls, include_extras=True)
    for field in dataclasses.fields(cls):
        for kind, declared in numbers(hints[field.name]):
            if field.name in ("memory_size", "value_max"):
                continue  # what is too small for the rest of the settings is told when the model is built
            lowest = inside(kind, declared)[0]
            config = {"network": {"hidden": [2]}} | LOWEST[model] | {field.name: lowest}
            training = Experiment(
                {
                    "world": {"name": "treasure_hunt", "compiled": False, "n_agents": 1},
                    "seats": [{"model": model, "config": config}],
                    "n_worlds": 1,
                    "epochs": 1,
                    "turns": 12,
                }
            )
            list(training.epochs())
            assert training.models[0].gradient_steps > 0, field.name


# YAML


def refused(tmp_path, data):
    path = tmp_path / "study.yaml"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    with pytest.raises(ConfigError) as error:
        configs.load_config(path)
    assert str(path) in str(error.value)
    assert len(str(error.value)) < 1000
    return str(error.value)


SHORT = "world: treasure_hunt\nseats:\n  - model: random\n"
LAUGHS = "a: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"b{k}: &a{k + 1} [{', '.join([f'*a{k}'] * 10)}]\n" for k in range(12)
)
MERGES = "a: &a0 {x: 1}\n" + "".join(f"b{k}: &a{k + 1} {{<<: [{', '.join([f'*a{k}'] * 10)}]}}\n" for k in range(12))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SHORT + "epochs: 2\nturns: 5\nepochs: 3\n", "line 6, column 1: the key 'epochs' is there twice"),
        ("world: {name: coins, name: tag}\nseats: [{}]", "line 1, column 22: the key 'name' is there twice"),
        (SHORT + "evaluation: {every: 1, every: 2}", "the key 'every' is there twice"),
        (SHORT + "name: " + "[" * 500 + "]" * 500, "more than 50 levels"),
        (SHORT + "name: " + "[" * 500_000, "more than 50 levels"),
        (SHORT + "name: " + "{a: " * 500 + "1" + "}" * 500, "more than 50 levels"),
        ("\n".join("  " * k + "- " for k in range(300)), "more than 50 levels"),
        ("world: caf\xe9\n".encode("latin-1"), "is not UTF-8: byte 10 is 0xe9"),
        (SHORT.encode("utf-16"), "is not UTF-8"),
        (SHORT + "epochs: 1:30", "epochs must be int, got '1:30' (str)"),
        (SHORT + "turns: 1:30:00", "turns must be int"),
        (SHORT + "turns: 1.5", "turns must be int, got 1.5"),
        (SHORT + "seed: " + "9" * 6000, "not YAML of plain values|seed"),
        (SHORT + "epochs: .nan", "epochs must be"),
        (SHORT + "epochs: .inf", "epochs must be"),
        (LAUGHS + SHORT, "more than 100000 values, aliases written out"),
        (MERGES + SHORT, "more than 100000 values, aliases written out"),
        (SHORT + "name: &a [*a]", "a value that holds itself"),
        (SHORT + "name: *nowhere", "undefined alias"),
        (SHORT + "name: !!python/object:os.system x", "is not YAML"),
        (SHORT + "name: !!int abc", "is not YAML"),
        (SHORT + "name: 2020-99-99", "is not YAML"),
        (SHORT + "? [a, b]\n: c", "is not YAML"),
        (SHORT + "\x00", "is not YAML"),
        (SHORT + "#" + "x" * 17_000_000, "at most 16000000 are read"),
        ("", "a config is a mapping"),
        ("a: 1\n---\nb: 2\n", "is not YAML"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else None,
)
def test_yaml_that_cannot_be_meant(tmp_path, text, said):
    import time

    begun = time.perf_counter()
    assert re.search(said, refused(tmp_path, text)) or said in refused(tmp_path, text)
    assert time.perf_counter() - begun < 5


def test_yaml_that_can(tmp_path):
    import time

    path = tmp_path / "study.yaml"
    begun = time.perf_counter()
    path.write_text(SHORT + "# " + "x" * 10_000_000 + "\nepochs: 3\n" + "#\n" * 1_000_000)
    assert configs.load_config(path).epochs == 3
    assert time.perf_counter() - begun < 5
    path.write_bytes(b"\xef\xbb\xbf" + SHORT.encode() + b"epochs: 010\nturns: 0x10\nseed: 1_000\nn_worlds: 1e1\n")
    read = configs.load_config(path)
    assert (read.epochs, read.turns, read.seed, read.n_worlds) == (10, 16, 1000, 10)
    path.write_text("world: &w {name: coins}\nseats: [{slots: [0], model: &m random}, {slots: [1], model: *m}]\n")
    assert [seat.model for seat in configs.load_config(path).seats] == ["random", "random"]


def test_a_window_that_is_none_is_told(tmp_path):
    path = tmp_path / "study.yaml"
    for window in ("3", "1.5", "true"):
        path.write_text(f"world: {{name: treasure_hunt, window: {window}}}\nseats: [{{}}]\n")
        with pytest.raises(ConfigError, match="window"):
            Experiment(Path(path))


@pytest.mark.parametrize(
    "value", ["1:30", "1e3", "010", "true", "null", "2020-01-01", "0x10", "1_000", ".5", "-", "a: b"]
)
def test_what_is_written_out_reads_as_the_same(value):
    read = configs.read_config({"world": "coins", "seats": [{}], "name": value})
    from sorrelsim.settings import read_yaml

    assert read_yaml(configs.dump_config(read), "x")["name"] == value
