"""The report of a study: what was compared, with what, what came of it, and how it is done again."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sorrelsim.experiments.comparison import Member, group, name_of, point_name
from sorrelsim.experiments.config import ConfigError, dump_config
from sorrelsim.experiments.document import Block, Code, Heading, Paragraph, Picture, Table, to_html, to_markdown
from sorrelsim.experiments.facts import read_facts
from sorrelsim.experiments.study import Study
from sorrelsim.experiments.summary import Estimate, Result
from sorrelsim.library.catalogue import entries
from sorrelsim.settings import read_yaml, write_yaml
from sorrelsim.writing import write_beside

MOST_TABLES = 12
"""Places in a grid up to which each has a table of its own."""
_OWN = ("seed", "name", "runs")
Facts = Mapping[str, Any]


def write_report(
    study: Study, members: Sequence[Member], summary: Sequence[Result], figures: Sequence[tuple[str, str]]
) -> None:
    """Writes ``report.html``, which holds its pictures, and ``report.md``.

    Args:
        study: The study.
        members: Its runs, those that are not finished too.
        summary: What came of them, from :func:`~sorrelsim.experiments.summary.summarise`.
        figures: Paths of pictures below the study's folder, and what stands below them.

    Raises:
        OSError: If one cannot be written.
    """
    finished = [member for member in members if member.state == "finished"]
    facts = [_facts(run.folder) for run, member in zip(study.runs, members, strict=True) if member in finished]
    blocks: list[Block] = [
        *_compared(study, members),
        *_missing(study, members),
        *_results(finished, summary),
        *(Picture(path, caption) for path, caption in figures),
        Heading("With what"),
        *_made_with(finished, facts),
        Heading("Again"),
        *_again(study),
        Heading("To cite"),
        *_to_cite(members, facts),
    ]
    title = f"Study: {study.name}"
    write_beside(study.folder / "report.md", to_markdown(title, blocks))
    write_beside(study.folder / "report.html", to_html(title, blocks, study.folder))


# ------------------------------------------------------------------------------------------------ what was compared


def _compared(study: Study, members: Sequence[Member]) -> list[Block]:
    groups = group(members)
    conditions = list(dict.fromkeys(each.condition for each in groups))
    seeds = list(dict.fromkeys(member.seed for member in members))
    grid = {key: [str(value) for value in values] for key, values in study.config.sweep.items()}
    world = next((member.world for member in members if member.world), "")
    where = f" in the world {world}" if world else ""
    parts = [f"{_count(conditions, 'condition')}{where}: {', '.join(conditions)}"]
    parts += [f"{key} at {', '.join(values)}" for key, values in grid.items()]
    parts.append(f"{_count(seeds, 'seed')} each ({_ranges(seeds)})")
    return [Paragraph(f"{'; '.join(parts)}: {_count(members, 'run')}."), *_differences(study, conditions)]


def _differences(study: Study, conditions: Sequence[str]) -> list[Block]:
    """Returns a table of the settings in which conditions differ."""
    first = {run.condition: run for run in reversed(study.runs)}
    settings = {name: dict(_leaves(read_yaml(dump_config(study.config_of(first[name])), name))) for name in conditions}
    keys = dict.fromkeys(key for found in settings.values() for key in found if key.partition(".")[0] not in _OWN)
    shown = {key: [str(found.get(key, "")) for found in settings.values()] for key in keys}
    rows = [[f"`{key}`", *values] for key, values in shown.items() if len(set(values)) > 1]
    return [Table(["setting", *conditions], rows)] if rows else []


def _leaves(value: Any, key: str = "") -> Iterable[tuple[str, Any]]:
    if isinstance(value, list) and not any(isinstance(each, dict | list) for each in value):
        yield key, value
    elif isinstance(value, dict | list) and value:
        for name, below in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(below, f"{key}.{name}" if key else str(name))
    else:
        yield key, value


def _count(things: Sequence[Any], name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"


def _ranges(seeds: Sequence[int]) -> str:
    """Returns seeds in a few words: 0 to 4, or all of them."""
    if len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds))


def _missing(study: Study, members: Sequence[Member]) -> list[Block]:
    left = [member for member in members if member.state != "finished"]
    if not left:
        return []
    said_by = {member.name: _said(run.folder / "log.txt") for run, member in zip(study.runs, members, strict=True)}
    said_by |= {member.name: "" for member in left if member.state == "diverged"}
    rows = [[f"`{m.name}`", said_by[m.name] or _how(m), _count(range(m.epochs), "epoch")] for m in left]
    said = (
        f"{len(left)} of {len(members)} runs are not finished and left out of every table and figure. What a run said "
        f"lies in its `log.txt`; `sorrelsim study {study.folder}` goes on with them."
    )
    diverged = sum(member.state == "diverged" for member in left)
    if diverged:
        said += f" {diverged} diverged, so what is shown is of the runs that did not: it may look better than it is."
    return [Paragraph(said, warning=True), Table(["run", "state", "got to"], rows)]


def _said(log: Path) -> str:
    """Returns the error with which a run's last process ended; nothing where it did not end with one."""
    try:
        last = log.read_text(encoding="utf-8", errors="replace").rstrip().rpartition("\n")[2]
    except OSError:
        return ""
    return f"failed: {last.removeprefix('error: ')[:200]}" if last.startswith("error: ") else ""


def _how(member: Member) -> str:
    if member.state == "diverged":
        return "diverged"
    return "running, or cut short" if member.epochs else "not begun"


# ------------------------------------------------------------------------------------------------------- what came


def _results(finished: Sequence[Member], summary: Sequence[Result]) -> list[Block]:
    if not finished:
        return []
    if not summary:
        return [Paragraph("No episode of a run that is finished came to its end, so there is nothing to compare.")]
    groups = group(finished)
    points = list({repr(each.sweep): each.sweep for each in groups}.values())
    blocks: list[Block] = [
        Heading("Results"),
        Paragraph(
            "Means over seeds, and in brackets their 95% bootstrap intervals. A run counts with its mean over the last "
            "tenth of its epochs. Differences are of pairs that share a seed, where two such pairs or more are there. "
            "`summary.csv` has interquartile means too, `results.csv` every epoch of every run."
        ),
    ]
    if 1 < min(len(each.members) for each in groups) < 5:
        blocks.append(Paragraph("Of fewer than five seeds such intervals are too narrow: take them as a hint."))
    for point in points[:MOST_TABLES]:
        if point:
            blocks.append(Paragraph(f"At {point_name(point)}:"))
        blocks.append(_table([result for result in summary if result.runs.sweep == point]))
    if len(points) > MOST_TABLES:
        blocks.append(Paragraph(f"{len(points) - MOST_TABLES} more places in the grid are in `summary.csv`."))
    return blocks


def _table(here: Sequence[Result]) -> Table:
    """Returns a row for each measure, and columns for the conditions and for what each is above the first."""
    first = here[0].runs.condition
    shown = [result for result in here if result.against is None or result.against.condition == first]
    columns = dict.fromkeys(_head(result) for result in shown)
    rows = dict.fromkeys(result.column for result in shown)
    cells = {(result.column, _head(result)): _estimate(result.mean) for result in shown}
    return Table(["", *columns], [[name_of(row), *(cells.get((row, each), "") for each in columns)] for row in rows])


def _head(result: Result) -> str:
    return f"{result.runs.condition} - {result.against.condition}" if result.against else result.runs.condition


def _estimate(found: Estimate) -> str:
    if math.isnan(found.value):
        return "-"
    bounds = "" if math.isnan(found.low) else f" [{_number(found.low)}, {_number(found.high)}]"
    return f"{_number(found.value)}{bounds}"


def _number(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}" if abs(value) < 100 else f"{value:,.1f}"


# -------------------------------------------------------------------------------------------- with what, and again


def _made_with(finished: Sequence[Member], facts: Sequence[Facts]) -> list[Block]:
    """Says versions, machines and time; where runs differ in them, all are named."""
    if not finished:
        return [Paragraph("No run is finished yet.")]
    seconds = [float(member.metrics["seconds"][-1]) for member in finished if "seconds" in member.metrics]
    known = [
        ("training", f"{_time(sum(seconds))} in all, {_time(sum(seconds) / max(1, len(seconds)))} per run"),
        ("environment steps", f"{sum(float(member.metrics['env_steps'][-1]) for member in finished):,.0f}"),
        ("processor cores", _all(each.get("machine", {}).get("cores") for each in facts)),
        ("threads per run", _all(each.get("machine", {}).get("threads") for each in facts)),
        ("machine", _all(each.get("machine", {}).get("system") for each in facts)),
        ("device", _all(seat.get("device") for each in facts for seat in each.get("seats", ()))),
        ("world's version", _all(each.get("world", {}).get("version") for each in facts)),
        ("git revision", _all(_revision(each) for each in facts)),
    ]
    rows = [[what, said] for what, said in known if said]
    packages = dict.fromkeys(name for each in facts for name in each.get("packages", {}))
    rows += [[name, _all(each.get("packages", {}).get(name) for each in facts)] for name in packages]
    blocks: list[Block] = [Table(["", "of the runs that are finished"], rows)]
    mixed = [name for name in packages if len({each.get("packages", {}).get(name) for each in facts}) > 1]
    if mixed:
        blocks.append(Paragraph(f"The runs were made with different versions of {', '.join(mixed)}.", warning=True))
    return blocks


def _facts(folder: Path) -> Facts:
    try:
        return read_facts(folder)
    except (ConfigError, OSError):
        return {}


def _all(values: Iterable[Any]) -> str:
    """Returns the values that there are, each once, with how many times where they differ."""
    found = Counter(str(value) for value in values if value is not None)
    return ", ".join(f"{value} ({n} times)" if len(found) > 1 else value for value, n in sorted(found.items()))


def _revision(facts: Facts) -> str | None:
    git = (facts.get("git") or {}).get("sorrelsim")
    return f"{git['revision'][:12]}{' and changes' if git.get('dirty') else ''}" if git else None


def _time(seconds: float) -> str:
    hours, minutes = int(seconds // 3600), seconds / 60 % 60
    return f"{hours} h {minutes:.0f} min" if hours else f"{minutes:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"


def _again(study: Study) -> list[Block]:
    config = {name: getattr(study.config, name) for name in ("base", "conditions", "sweep", "seeds")}
    text = write_yaml({name: value for name, value in config.items() if value != {}})
    return [
        Paragraph(f"Write this to `{study.name}.yaml`; on one machine the same numbers come out, bit for bit:"),
        Code(f"sorrelsim study {study.name}.yaml"),
        Code(text, fold=f"{study.name}.yaml"),
        Paragraph("`code/` in each run's folder holds its world and models as they were, `config.yaml` every setting."),
    ]


def _to_cite(members: Sequence[Member], facts: Sequence[Facts]) -> list[Block]:
    version = _all(each.get("packages", {}).get("sorrelsim") for each in facts)
    pages = {entry.name: " ".join(entry.sections.get("Dilemma and source", "").split()) for entry in entries("worlds")}
    sources = {member.world: pages.get(member.world, "").replace("``", "`") for member in members}
    return [
        Paragraph(f"sorrelsim{f', version {version}' if version else ''}: multi-agent gridworlds for social dilemmas."),
        *(Paragraph(f"The world {world}: {source}") for world, source in sources.items() if source),
        Paragraph(
            "Interquartile means and intervals: Agarwal et al. 2021, Deep reinforcement learning at the edge of the "
            "statistical precipice. Social measures: Perolat et al. 2017, A multi-agent reinforcement learning model "
            "of common-pool resource appropriation."
        ),
    ]
