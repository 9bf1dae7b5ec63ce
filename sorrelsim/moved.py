"""Modules by their former names, so that files written for those still run; each says once where it is now."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
import warnings
from collections.abc import Sequence
from types import ModuleType
from typing import Any

MOVED = {
    "_gather": "models.memory.replay_kernels",
    "_symbolic": "models.torch.symbolic_kernels",
    "adapters": "outside.make",
    "agent": "models.agent",
    "agents.cleanup_cooperator": "agents.bots.cleanup_cooperator",
    "agents.cleanup_defector": "agents.bots.cleanup_defector",
    "agents.coins_cooperator": "agents.bots.coins_cooperator",
    "agents.coins_defector": "agents.bots.coins_defector",
    "agents.ddqn": "agents.learners.ddqn",
    "agents.harvest_cooperator": "agents.bots.harvest_cooperator",
    "agents.harvest_defector": "agents.bots.harvest_defector",
    "agents.iqn": "agents.learners.iqn",
    "agents.matrix_collector": "agents.bots.matrix_collector",
    "agents.matrix_cooperator": "agents.bots.matrix_cooperator",
    "agents.matrix_defector": "agents.bots.matrix_defector",
    "agents.ppo": "agents.learners.ppo models.torch.policies",
    "benchmark": "cli.bench",
    "bots": "models.bots.bot models.bots.view",
    "buffers": "models.memory.replay",
    "catalogue": "library.catalogue",
    "checkpoint": "models.checkpoint",
    "compiling": "engine.cache engine.explain engine.fingerprint",
    "config": "experiments.config",
    "contract": "testing.failures",
    "drawing": "pictures.painting",
    "evaluation": "cli.evaluated",
    "experiment": "experiments.loop experiments.run experiments.seating experiments.evaluation experiments.measures",
    "extra": "authoring.state",
    "gridworld": "engine.gridworld engine.declared",
    "interfaces.from_gymnasium": "outside.make",
    "interpreted": "engine.interpreted",
    "jit": "engine.numba_copy engine.numba_cells engine.numba_words",
    "kernels": "engine.compiled engine.threads engine.kernel_text",
    "kinds": "authoring.kinds",
    "loading": "library.find",
    "making": "library.make",
    "maps": "authoring.maps",
    "measures": "experiments.measures",
    "memory": "engine.block",
    "model": "models.base",
    "model_checks": "testing.model_checks",
    "names": "errors",
    "networks": "models.torch.encoders models.torch.symbolic models.torch.noisy",
    "observation": "observations.spec",
    "outputs": "engine.answers",
    "params": "authoring.params",
    "play.commands": "cli.play",
    "play.desk": "play.person_window play.person",
    "play.export": "recordings.film",
    "play.others": "play.opponents",
    "play.shell": "play.base_window",
    "play.viewer": "play.replay_window",
    "play.window": "play.play_window play.panel_info play.pace",
    "program": "engine.program engine.fields engine.kernel_text engine.block",
    "progress": "cli.progress",
    "recording": "recordings",
    "replay_model": "models.torch.replay_model models.torch.losses",
    "rollout": "models.memory.rollout",
    "rules.marks": "rules.sanctions",
    "rules.registry": "rules.rule",
    "runs": "experiments.run_folder pictures.files experiments.figures",
    "scaffold": "library.scaffold",
    "schedules": "models.schedules",
    "show": "cli.show",
    "sprites": "authoring.sprites",
    "threads": "engine.threads",
    "torch_model": "models.torch.torch_model models.torch.devices models.torch.adam models.torch.signatures",
    "transforms": "models.rewards library.transforms",
    "world_checks": "testing.world_checks",
}
"""Old name below ``sorrelsim`` to the new one, or to several with blanks between where it was split."""


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Answers an old name with a module that looks everything up where it is now."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None):
        package, _, old = name.partition(".")
        return importlib.machinery.ModuleSpec(name, self) if package == "sorrelsim" and old in MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        homes = [f"sorrelsim.{home}" for home in MOVED[module.__name__.removeprefix("sorrelsim.")].split()]
        warnings.warn(f"{module.__name__} is now {' and '.join(homes)}", DeprecationWarning, stacklevel=2)

        def find(name: str) -> Any:
            for home in homes:
                if hasattr(importlib.import_module(home), name):
                    return getattr(importlib.import_module(home), name)
            raise AttributeError(f"{module.__name__} is now {' and '.join(homes)}, without {name!r}")

        module.__getattr__ = find  # type: ignore[method-assign]


def install() -> None:
    """Answers old names from now on, after every real module was looked for."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
