"""The page of every command, read off the functions that the commands are."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from make_pages import table
from making.library_pages import line
from typer import Typer
from typer.models import ArgumentInfo, OptionInfo

from sorrelsim.cli.app import app

WORDS = {int: "whole number", float: "number", str: "text", Path: "path"}


@dataclass(frozen=True)
class Parameter:
    """One argument or option of a command.

    Attributes:
        name: As it is written: ``CONFIG``, ``[KEY=VALUE]...``, ``--out``, ``-o``.
        takes: What an option takes, in words; empty for a flag.
        default: Its default, empty for none.
        help: What it is.
        is_option: Whether it is an option.
    """

    name: str
    takes: str
    default: str
    help: str
    is_option: bool


def commands(here: Typer = app, words: str = "sorrelsim") -> Iterator[tuple[str, Callable]]:
    """Yields every command: its words, such as ``sorrelsim new world``, and its function."""
    for command in here.registered_commands:
        assert command.callback is not None
        yield f"{words} {command.name or command.callback.__name__.replace('_', '-')}", command.callback
    for group in here.registered_groups:
        assert group.typer_instance is not None
        yield from commands(group.typer_instance, f"{words} {group.name}")


def parameters(function: Callable) -> list[Parameter]:
    """Returns the arguments and options of a command."""
    hints = typing.get_type_hints(function, include_extras=True)
    found = []
    for parameter in inspect.signature(function).parameters.values():
        hint = hints[parameter.name]
        if typing.get_origin(hint) is not typing.Annotated:  # of a context, say, which is no user's
            continue
        kind, info = typing.get_args(hint)[:2]
        default = None if parameter.default is parameter.empty else parameter.default
        if isinstance(info, ArgumentInfo):
            word = info.metavar or _word(parameter.name, kind, parameter.default is parameter.empty)
            found.append(Parameter(word, "", "", line(info.help or ""), False))
        elif isinstance(info, OptionInfo) and not info.hidden:
            # In an annotation, typer takes the first name for the default, which stands in the signature.
            names = [each for each in (info.default, *(info.param_decls or ())) if isinstance(each, str)]
            names = names or [f"--{parameter.name.replace('_', '-')}"]
            written = ", ".join(f"`{name}`" for name in names)
            takes = "" if kind is bool else _takes(kind, info)
            shown = "" if default in (None, False, "") else f"`{default}`"
            found.append(Parameter(written, takes, shown, line(info.help or ""), True))
    return found


def _word(name: str, kind: Any, required: bool) -> str:
    many = "..." if _bare(kind)[1] else ""
    return f"{name.upper()}{many}" if required else f"[{name.upper()}]{many}"


def _bare(kind: Any) -> tuple[type, bool]:
    """Returns the type of one value, and whether there may be several: of ``list[int] | None`` int and True."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        kind = next(each for each in typing.get_args(kind) if each is not type(None))
    if typing.get_origin(kind) is list:
        return typing.get_args(kind)[0], True
    return kind, False


def _takes(kind: Any, info: OptionInfo) -> str:
    bare, many = _bare(kind)
    limits = ""
    if info.max is not None:
        limits = f", {info.min or 0:g} to {info.max:g}"
    elif info.min is not None:
        limits = f", {info.min:g} or more"
    repeated = "; may be repeated" if many and "repeated" not in (info.help or "") else ""
    words = " or ".join(map(str, typing.get_args(bare))) or WORDS.get(bare, "") or bare.__name__  # a Literal, or a type
    return (info.metavar or words) + limits + repeated


def command_page() -> str:
    """Returns the page: each command with its help, arguments and options."""
    found = sorted(commands())
    rows = [(f"[`{words}`](#{words.replace(' ', '-')})", _paragraphs(function)[0]) for words, function in found]
    parts = [
        "# Commands",
        "Made from the commands themselves; `sorrelsim COMMAND --help` says the same. `python -m sorrelsim` is another "
        "way to write `sorrelsim`, and `sorrelsim --version` prints the version.",
        table(("command", "what it does"), rows),
        *(_section(words, function) for words, function in found),
    ]
    return "\n\n".join(parts) + "\n"


def _paragraphs(function: Callable) -> list[str]:
    return [line(each) for each in (inspect.getdoc(function) or "").split("\n\n")]


def _section(words: str, function: Callable) -> str:
    """Returns one command's section."""
    given = parameters(function)
    arguments = [each for each in given if not each.is_option]
    options = [each for each in given if each.is_option]
    usage = [words, *(["[OPTIONS]"] if options else []), *(each.name for each in arguments)]
    parts = [f"## {words}", f"```text\n{' '.join(usage)}\n```", *_paragraphs(function)]
    if arguments:
        parts.append(table(("argument", "what it is"), [(f"`{each.name}`", each.help) for each in arguments]))
    if options:
        rows = [(each.name, each.takes, each.default, each.help) for each in options]
        parts.append(table(("option", "takes", "default", "what it does"), rows))
    return "\n\n".join(parts)
