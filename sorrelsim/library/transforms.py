"""Reward transforms by name: the library's, one of one's own in ``./rewards``, or a file.

A config's ``reward`` comes through here; ``models.rewards`` holds the library's and what every transform must answer.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sorrelsim.errors import unknown
from sorrelsim.library.find import NotFound, files, find_class
from sorrelsim.models.rewards import TRANSFORMS, RewardTransform
from sorrelsim.settings import ConfigError, parse_config


def local_transforms() -> dict[str, Path]:
    """Returns the files of ``./rewards`` by name."""
    return files("rewards")


def find_transform(name: str) -> type[RewardTransform]:
    """Returns the class of a reward transform.

    Args:
        name: A path that ends in ``.py``, a name in ``./rewards``, or one of the library's; ``pkg:`` before it says
            that the library's is meant.

    Raises:
        NotFound: If there is none, with the nearest match; if a name stands for two; or if a file defines no class of
            transforms, or several.
    """
    local = local_transforms()
    if name.startswith("pkg:") and name[4:] in TRANSFORMS:
        return TRANSFORMS[name[4:]]
    if name in TRANSFORMS and name in local:
        raise NotFound(
            f"reward transform {name!r} is the library's, and there is {local[name]}; write pkg:{name} or "
            f"./{local[name]} to say which is meant"
        )
    if name in TRANSFORMS:
        return TRANSFORMS[name]
    if not name.endswith(".py") and name not in local:
        raise NotFound(unknown("reward transform", name, [*TRANSFORMS, *local]))
    found: type[RewardTransform] = find_class(str(local.get(name, name)), "rewards", RewardTransform)
    return found


def make_transform(
    name: str, settings: Mapping[str, Any] | None = None, cls: type[RewardTransform] | None = None
) -> RewardTransform:
    """Returns a reward transform; one of one's own is tried once, so that what it lacks is told before a run begins.

    Args:
        name: As for :func:`find_transform`.
        settings: Its settings.
        cls: Its class, if it is at hand.

    Raises:
        ValueError: If there is no such transform or setting, or it does not answer as a transform must.
    """
    cls, given = cls or find_transform(name), dict(settings or {})
    if cls in TRANSFORMS.values():
        return _built(cls, given, name)
    missing = sorted(getattr(cls, "__abstractmethods__", ()))
    if missing:
        raise ConfigError(f"reward transform {name}: {cls.__name__} does not say {', '.join(missing)}")
    _try(_built(cls, given, name), name)
    return _built(cls, given, name)


def _built(cls: type[RewardTransform], given: dict[str, Any], name: str) -> RewardTransform:
    if dataclasses.is_dataclass(cls):
        made: RewardTransform = parse_config(cls, given, f"reward transform {name}")
        return made
    if given:
        raise ConfigError(f"reward transform {name} takes no settings, got {', '.join(given)}: make it a dataclass")
    try:
        inspect.signature(cls).bind()
    except TypeError as error:
        raise ConfigError(f"reward transform {name}: {error}; make it a dataclass with a field for each") from None
    return cls()


def _try(transform: RewardTransform, name: str) -> None:
    """Asks for one step's rewards of two copies with three agents."""
    reward = np.array([[0.0, 1.0, -1.0], [2.0, 0.0, 0.0]])
    given = reward.copy()
    try:
        answer = np.asarray(transform(given, np.array([[False] * 3, [True] * 3])))
    except Exception as error:
        raise ConfigError(f"reward transform {name} fails: {type(error).__name__}: {error}") from error
    if answer.shape != reward.shape or answer.dtype.kind not in "fiub":
        raise ConfigError(
            f"reward transform {name} answers {answer.dtype}{list(answer.shape)} to rewards of 2 copies with 3 agents; "
            "allowed: numbers [2, 3]"
        )
    if not np.array_equal(given, reward):
        raise ConfigError(f"reward transform {name} writes into the rewards that it is given; make an array of its own")
