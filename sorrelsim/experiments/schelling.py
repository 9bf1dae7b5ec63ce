"""Schelling diagrams: what cooperating and defecting pay, against how many others cooperate, and what follows.

Schelling 1973, "Hockey helmets, concealed weapons, and daylight saving". The conditions are those of a sequential
social dilemma in Hughes et al. 2018, "Inequity aversion improves cooperation in intertemporal social dilemmas". Of N
players l others cooperate; C(l) is what cooperating pays then (their R_c(l + 1)), D(l) what defecting does (their
R_d(l)). It is a dilemma if

    C(N-1) > D(0)   mutual cooperation is preferred to mutual defection,
    C(N-1) > C(0)   mutual cooperation is preferred to being exploited, and
    D(0) > C(0)     by fear: mutual defection is preferred to being exploited, or
    D(N-1) > C(N-1) by greed: exploiting is preferred to mutual cooperation, or both.

Fear and greed are theirs "for sufficiently small" and "sufficiently large" l, read at the ends. Each is decided by the
95% bootstrap interval of the difference over episodes: it is, it is not, or it cannot be told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sorrelsim.errors import ConfigError
from sorrelsim.experiments.mixtures import HELD_OUT, MAX_TURNS, Stage, play
from sorrelsim.experiments.players import Player
from sorrelsim.experiments.statistics import Difference, difference, interval
from sorrelsim.library.find import bare, names


@dataclass(frozen=True)
class Condition:
    """One of the conditions of a dilemma.

    Attributes:
        name: What it is called.
        words: What it says.
        formula: The same as a formula.
        gap: By how much the left side is above the right one.
    """

    name: str
    words: str
    formula: str
    gap: Difference

    @property
    def holds(self) -> bool | None:
        """Whether it does; None where its interval does not tell."""
        if self.gap.low > 0:
            return True
        return False if self.gap.high <= 0 else None


@dataclass(frozen=True)
class Diagram:
    """Payoffs, returns per player and episode, by how many cooperate.

    Attributes:
        title: The world.
        cooperator: Who cooperates.
        defector: Who defects.
        cooperate: C(l) for l = 0 to N - 1 other cooperators: the cooperators' mean in each episode, float64 [episodes].
        defect: D(l), likewise.
        everybody: The mean of all with 0 to N cooperators in all, likewise.
        left_out: Episodes that had not ended.
    """

    title: str
    cooperator: str
    defector: str
    cooperate: tuple[np.ndarray, ...]
    defect: tuple[np.ndarray, ...]
    everybody: tuple[np.ndarray, ...]
    left_out: int = 0

    @property
    def n_agents(self) -> int:
        """Number of players."""
        return len(self.cooperate)

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        """The four conditions, in the order of this module's head."""
        c, d, last = self.cooperate, self.defect, self.n_agents - 1
        n = last
        rows = (
            ("cooperation pays", "mutual cooperation is preferred to mutual defection", f"C({n}) > D(0)", c[n], d[0]),
            ("exploitation hurts", "mutual cooperation is preferred to being exploited", f"C({n}) > C(0)", c[n], c[0]),
            ("fear", "mutual defection is preferred to being exploited", "D(0) > C(0)", d[0], c[0]),
            ("greed", "exploiting is preferred to mutual cooperation", f"D({n}) > C({n})", d[n], c[n]),
        )
        return tuple(Condition(name, words, formula, difference(a, b)) for name, words, formula, a, b in rows)

    @property
    def dilemma(self) -> bool | None:
        """Whether it is a social dilemma; None where that cannot be told."""
        pays, hurts, fear, greed = (condition.holds for condition in self.conditions)
        tempted = True if fear or greed else False if fear is False and greed is False else None
        needed = (pays, hurts, tempted)
        return False if False in needed else None if None in needed else True

    @cached_property
    def tempting(self) -> list[int]:
        """The numbers of other cooperators at which defecting is known to pay more than cooperating."""
        pairs = enumerate(zip(self.defect, self.cooperate, strict=True))
        return [others for others, (d, c) in pairs if difference(d, c).low > 0]

    @cached_property
    def optimum(self) -> list[int]:
        """The numbers of cooperators that are best for all together: the best, and those not known to be worse."""
        means = [float(np.mean(each)) if len(each) else -np.inf for each in self.everybody]
        best = int(np.argmax(means))
        gaps = [difference(self.everybody[best], each) for each in self.everybody]
        return [best, *(n for n, gap in enumerate(gaps) if n != best and gap.low <= 0)]

    def verdict(self) -> list[str]:
        """Returns what the diagram shows, in sentences."""
        said = {True: "is", False: "is not", None: "may or may not be"}
        lines = []
        for condition in self.conditions:
            gap = condition.gap
            seen = {True: "yes", False: "no", None: "cannot be told"}[condition.holds]
            lines.append(
                f"{condition.name}: {seen}. {condition.formula}, {condition.words}: "
                f"{gap.value:+.2f} [{gap.low:.2f}, {gap.high:.2f}]"
            )
        causes = [condition.name for condition in self.conditions[2:] if condition.holds]
        by = f", by {' and '.join(causes)}" if self.dilemma and causes else ""
        first, *even = self.optimum
        also = f"; {spans(even)} may be as good" if even else ""
        mean = float(np.mean(self.everybody[first])) if len(self.everybody[first]) else float("nan")
        lines.append(f"defecting pays more than cooperating among {spans(self.tempting) or 'no'} other cooperators")
        lines.append(f"best for all together: {first} of {self.n_agents} cooperate, {mean:.2f} each{also}")
        lines.append(f"this {said[self.dilemma]} a social dilemma{by}")
        return lines

    def rows(self) -> list[dict[str, float]]:
        """Returns the curves, a row for each number of other cooperators, with 95% intervals.

        ``average`` is the mean over all players if the one in question defects, as Hughes et al. draw it.
        """
        rows = []
        for others in range(self.n_agents):
            row: dict[str, float] = {"other_cooperators": others}
            for name, curve in (("cooperate", self.cooperate), ("defect", self.defect), ("average", self.everybody)):
                values = curve[others]
                low, high = interval(values)
                mean = float(values.mean()) if len(values) else float("nan")
                row |= {name: mean, f"{name}_low": low, f"{name}_high": high}
            rows.append(row | {"episodes": min(len(self.cooperate[others]), len(self.defect[others]))})
        return rows


def default_players(world: str, cooperator: str | None, defector: str | None) -> tuple[str, str]:
    """Returns who cooperates and who defects, by default the library's ``<world>_cooperator`` and ``<world>_defector``.

    Raises:
        ConfigError: If one is not given and there is none for this world.
    """
    stem = bare(world).removesuffix("_game")
    found = []
    for given, role in ((cooperator, "cooperator"), (defector, "defector")):
        name = given or f"{stem}_{role}"
        if given is None and name not in names("agents"):
            raise ConfigError(f"there is no {role} for {bare(world)}, such as agents/{name}.py: give one with --{role}")
        found.append(name)
    return found[0], found[1]


def spans(numbers: Sequence[int]) -> str:
    """Returns rising whole numbers as text: ``0-2, 5``."""
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in found)


def compositions(n_agents: int, episodes: int, seed: int) -> np.ndarray:
    """Returns who cooperates where 0 to n_agents do, so many episodes each: bool [n_agents + 1, episodes, n_agents].

    Which slots do is drawn, and goes round, so that over n_agents episodes every slot cooperates equally often. One
    cooperator more never changes who the others are.
    """
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(n_agents) for _ in range(0, episodes, n_agents)]
    rank = np.stack([np.argsort(np.roll(orders[e // n_agents], e % n_agents)) for e in range(episodes)])
    return np.stack([rank < n for n in range(n_agents + 1)])


def diagram(
    stage: Stage,
    cooperator: Player,
    defector: Player,
    episodes: int = 32,
    seed: int = HELD_OUT,
    max_turns: int = MAX_TURNS,
) -> Diagram:
    """Plays all compositions of cooperators and defectors, side by side in one batch.

    Args:
        stage: The world.
        cooperator: Who cooperates.
        defector: Who defects.
        episodes: Episodes for each number of cooperators.
        seed: Seed of the copies, of who sits where and of what the players draw.
        max_turns: Turns after which episodes that have not ended are left out.

    Raises:
        ConfigError: If there is only one slot, or a player cannot play there.
    """
    n = stage.make(1, seed).n_agents
    if n < 2:
        raise ConfigError(f"{stage.title} has one agent; a dilemma needs two")
    cooperates = compositions(n, episodes, seed)
    who = (~cooperates).astype(np.int64).reshape(-1, n)
    world = stage.make(len(who), seed)
    found = play(world, who, (cooperator, defector), seed, max_turns)
    flat = np.full(who.shape, np.nan)
    flat[found.copies] = found.returns
    returns = flat.reshape(cooperates.shape)
    ended = ~np.isnan(returns).any(2)

    def means(n_cooperators: int, of: np.ndarray) -> np.ndarray:
        rows = np.where(of, returns, 0.0)[n_cooperators].sum(1) / np.maximum(of[n_cooperators].sum(1), 1)
        return rows[ended[n_cooperators]]

    return Diagram(
        stage.title,
        cooperator.label,
        defector.label,
        tuple(means(others + 1, cooperates) for others in range(n)),
        tuple(means(others, ~cooperates) for others in range(n)),
        tuple(means(k, np.ones_like(cooperates)) for k in range(n + 1)),
        int((~ended).sum()),
    )
