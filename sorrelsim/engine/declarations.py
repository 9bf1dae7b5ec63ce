"""Holds what a world's class declares against what a class may declare, before anything is made of it."""

from __future__ import annotations

import dataclasses
import inspect
import types
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any

import numpy as np

from sorrelsim.authoring.events import Events, event_names, names_of, pairs_of
from sorrelsim.authoring.kinds import Kinds, payments
from sorrelsim.authoring.state import StateSpec
from sorrelsim.authoring.window import Window
from sorrelsim.engine.source import where
from sorrelsim.errors import unknown

_sound: weakref.WeakSet[type] = weakref.WeakSet()


class DeclarationError(ValueError):
    """A world's class declares what it cannot; the message has file, line and what to write instead."""


def check_declarations(cls: type, base: type, known: Iterable[str]) -> None:
    """Checks a world's class, once.

    Args:
        cls: The class.
        base: The class of all worlds.
        known: All that can be declared.

    Raises:
        DeclarationError: With all that is wrong, each with file and line.
    """
    if cls not in _sound:
        problems = declaration_problems(cls, base, known)
        if problems:
            raise DeclarationError("\n".join(problems))
        _sound.add(cls)


def declaration_problems(cls: type, base: type, known: Iterable[str]) -> list[str]:
    """All that is wrong with what a world's class declares, with file and line; see :func:`check_declarations`."""
    problems = [
        *misspelt(cls, base, set(known)),
        *_missing(cls),
        *(problem for name, check in CHECKS.items() if hasattr(cls, name) for problem in _told(cls, name, check)),
    ]
    return problems or [*_pairs(cls), *_references(cls), *_unreadable(cls)]


def misspelt(cls: type, base: type, known: set[str]) -> list[str]:
    """Class attributes that mean nothing, with the nearest that does."""
    found = []
    for each in cls.__mro__[: cls.__mro__.index(base)]:
        for name, value in vars(each).items():
            if name.startswith("_") or name in known or hasattr(base, name):
                continue
            if isinstance(value, type) and value.__qualname__.startswith(f"{each.__qualname__}."):  # declared inside
                continue
            called = isinstance(value, types.FunctionType | property | classmethod | staticmethod)
            text = unknown("class attribute of a world", name, known)
            if not called or "did you mean" in text:
                found.append(f"{where(each, name)}{text}; a name of your own begins with an underscore")
    return found


def _missing(cls: type) -> list[str]:
    what = {
        "kinds": "what can lie in a cell, kinds = Kind",
        "params": "its numbers, params = Params, a frozen dataclass",
        "maps": 'its maps, maps = {"field": FIELD}',
    }
    return [
        f"{where(cls)}{cls.__name__} declares no {name}: {text}"
        for name, text in what.items()
        if not hasattr(cls, name)
    ]


def _told(cls: type, name: str, check: Callable[[Any], Iterable[str]]) -> list[str]:
    return [f"{where(cls, name)}{name}: {text}" for text in check(inspect.getattr_static(cls, name))]


# ----------------------------------------------------------------------------------- one attribute by itself


def _kinds(value: Any) -> Iterable[str]:
    if not (isinstance(value, type) and issubclass(value, Kinds)):
        example = "class Kind(Kinds): WALL = kind('W', solid=True), and kinds = Kind"
        yield f"{value!r:.60} is no enumeration of kinds; write {example}"
        return
    if not len(value):
        yield f"{value.__name__} has no member; write WALL = kind('W', solid=True) in it"


def _params(value: Any) -> Iterable[str]:
    if not isinstance(value, type):
        yield f"{value!r} is no class of params; write params = Params, the class itself"
        return
    if not dataclasses.is_dataclass(value):
        name = value.__name__
        yield f"{name} is no dataclass; write @dataclass(frozen=True) on the line above class {name}"
        return
    fields = {field.name: field for field in dataclasses.fields(value)}
    for field in fields.values():
        if field.default is dataclasses.MISSING:
            yield f"{value.__name__}.{field.name} has no default; write {field.name}: float = 1.0"
    for name, default in vars(value).items():
        if (
            name not in fields
            and not name.startswith("_")
            and isinstance(default, int | float | tuple | dataclasses.Field)
        ):
            of = type(default).__name__
            yield f"{value.__name__}.{name} has no type and so is no param; write {name}: {of} = ..."


def _mapping(of: str, example: str) -> Callable[[Any], Iterable[str]]:
    def check(value: Any) -> Iterable[str]:
        if not isinstance(value, Mapping):
            yield f"{value!r:.60} is no mapping of {of}; write {example}"
        else:
            for key in value:
                if not isinstance(key, str):
                    yield f"{key!r} is no name; write {example}"

    return check


def _texts(of: str, example: str) -> Callable[[Any], Iterable[str]]:
    def check(value: Any) -> Iterable[str]:
        yield from _mapping(of, example)(value)
        for key, text in value.items() if isinstance(value, Mapping) else ():
            if not isinstance(text, str):
                yield f"{key!r} is {text!r:.60}, which is no text; write {example}"

    return check


def _state(value: Any) -> Iterable[str]:
    example = '{"wait": per_agent()}'
    yield from _mapping("names to state", example)(value)
    for key, spec in value.items() if isinstance(value, Mapping) else ():
        if not isinstance(spec, StateSpec):
            made = "per_world(), per_agent(), per_cell() or per_site(...)"
            yield f"{key!r} is {spec!r:.60}; write {made}, as in {example}"
        elif not key.isidentifier():
            yield f"{key!r} is no name that a rule could write as w.name"


def _names(of: str, example: str) -> Callable[[Any], Iterable[str]]:
    def check(value: Any) -> Iterable[str]:
        if isinstance(value, str) or not isinstance(value, Sequence | Set):
            yield f"{value!r:.60} is no sequence of {of}; write {example}"
            return
        for each in value:
            if not isinstance(each, str):
                yield f"{each!r:.60} is no name; write {example}"
        twice = sorted({each for each in value if list(value).count(each) > 1}, key=str)
        if twice:
            yield f"named twice: {twice}"

    return check


def _events(value: Any) -> Iterable[str]:
    if isinstance(value, type) and issubclass(value, Events):
        return
    example = "class Event(Events): APPLES = auto(), and events = Event"
    if isinstance(value, type):
        yield f"{value.__name__} does not derive from Events; write {example}"
    else:
        yield from _names("names of events", f'("apples",), or {example}')(value)


def _secret(value: Any) -> Iterable[str]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        yield f"{value!r:.60} is no tuple of events; write (Event.TAG_HIT,)"


def _rules(value: Any) -> Iterable[str]:
    if callable(value):
        name = getattr(value, "__name__", "rule")
        yield f"{name} is one function, not a tuple of them; a tuple of one has a comma: ({name},)"
        return
    if isinstance(value, str) or not isinstance(value, Sequence):
        yield f"{value!r:.60} is no tuple of rules; write (movement.move, pick)"
        return
    for k, each in enumerate(value):
        if not callable(each):
            yield f"number {k} is {each!r:.60}, which is no function; write the name of a rule, without brackets"


def _one(of: type, example: str) -> Callable[[Any], Iterable[str]]:
    def check(value: Any) -> Iterable[str]:
        if not isinstance(value, of) or (of is int and isinstance(value, bool)):
            yield f"{value!r:.60} is no {of.__name__}; write {example}"

    return check


def _at_least_1(value: Any) -> Iterable[str]:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        yield f"{value!r:.60} is no whole number from 1; write 3"


def _seen_as(value: Any) -> Iterable[str]:
    if not isinstance(value, Mapping):
        yield f"{value!r:.60} is no mapping of slots to what they see; write {{0: {{Kind.TREE: Kind.SHRUB}}}}"


def _looks(value: Any) -> Iterable[str]:
    if value not in ("other", "individual"):
        yield unknown("look of agents", value, ("other", "individual"))


def _scalars(value: Any) -> Iterable[str]:
    example = '{"hunger": 1}, a length for each name'
    yield from _mapping("names to lengths", example)(value)
    for key, size in value.items() if isinstance(value, Mapping) else ():
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            yield f"{key!r} has length {size!r:.60}; write {example}, whole numbers from 1"


CHECKS: dict[str, Callable[[Any], Iterable[str]]] = {
    "kinds": _kinds,
    "params": _params,
    "maps": _texts("names to maps", '{"field": FIELD}'),
    "map_params": _mapping("names of maps to params", '{"field": {"max_steps": 100}}'),
    "sites": _texts("names to glyphs", '{"spawns": "P"}'),
    "legend": _mapping("glyphs to kinds", '{"p": (Kind.CRATE,)}'),
    "layers": _names("names of layers", '("ground", "object", "agent", "beam")'),
    "state": _state,
    "events": _events,
    "n_agents": _at_least_1,
    "actions": _names("names of actions", '("noop", "forward") or movement.EGOCENTRIC'),
    "window": _one(Window, "Window(forward=9) or Window.full()"),
    "seen_as": _seen_as,
    "looks": _looks,
    "show_facing": _one(bool, "True or False"),
    "scalars": _scalars,
    "start": _rules,
    "rules": _rules,
    "torus": _names("names of maps", '("field",)'),
    "presets": _mapping("names to settings", '{"hard": {"max_steps": 100}}'),
    "keep_rewards_while_out": _one(bool, "True or False"),
    "observe_while_out": _one(bool, "True or False"),
    "told_instead": _one(str, '"Every card wins or loses something."'),
    "secret_events": _secret,
    "version": _one(int, "1"),
}


# ---------------------------------------------------------------------------------- attributes held together


def _pairs(cls: Any) -> list[str]:
    """``scalars`` and ``observe`` go together."""
    presets = [preset for preset in cls.presets.values() if isinstance(preset, Mapping)]
    scalars = bool(cls.scalars) or any("scalars" in preset for preset in presets)
    observe = inspect.getattr_static(cls, "observe", None)
    if scalars and observe is None:
        return [
            f"{where(cls, 'scalars')}scalars {', '.join(cls.scalars)} are declared, but no observe to fill them; "
            "write observe = see, a function marked with @rule: def see(w, i, into): into[0] = ..."
        ]
    if observe is not None and not scalars:
        return [
            f"{where(cls, 'observe')}observe fills what scalars declares, and there are none; "
            'write scalars = {"hunger": 1}, a length for each name'
        ]
    return []


def _references(cls: Any) -> list[str]:
    """Names that one attribute uses and another declares."""
    found = [
        where(cls, attribute) + unknown(f"map in {attribute}", name, cls.maps)
        for attribute in ("torus", "map_params")
        for name in getattr(cls, attribute)
        if name not in cls.maps
    ]
    params = {field.name for field in dataclasses.fields(cls.params)}
    for map_name, values in cls.map_params.items():
        found += [
            where(cls, "map_params") + unknown(f"param in map_params[{map_name!r}]", name, params)
            for name in values
            if name not in params
        ]
    for kind in cls.kinds:
        try:
            payments(kind, {field.name: field.default for field in dataclasses.fields(cls.params)})
        except ValueError as error:
            found.append(f"{where(cls, 'kinds')}{error}")
    events = (*event_names(cls.events), *pairs_of(cls.events))
    found += [
        where(cls, "secret_events") + unknown("event in secret_events", name, events)
        for name in names_of(cls.secret_events)
        if name not in events
    ]
    for name, spec in cls.state.items():
        site = spec.owner.removeprefix("site ")
        if spec.owner.startswith("site ") and site not in cls.sites:
            found.append(where(cls, "state") + unknown(f"site for state {name!r}", site, cls.sites))
    return found


def _unreadable(cls: Any) -> list[str]:
    """What rules would read as ``.view``: Numba lets that stand after arrays and numbers of NumPy alone."""
    params = {field.name for field in dataclasses.fields(cls.params)}
    return [
        f"{where(cls, attribute)}{attribute}: compiled rules can read nothing that is named 'view'; call it otherwise"
        for attribute, names in (("params", params), ("state", cls.state), ("sites", cls.sites))
        if "view" in names
    ]
