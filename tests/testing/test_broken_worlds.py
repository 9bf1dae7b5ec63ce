# ruff: noqa: E501
"""Small edits that break a sound world: each is told with file, line and what to write, by make, check and train."""

import re
import time

import pytest

import sorrelsim
from sorrelsim.engine.explain import RuleError
from sorrelsim.experiments.loop import Experiment
from sorrelsim.library.scaffold import WORLD
from sorrelsim.testing import CheckFailed, check_world

SOUND = WORLD.format(title="Orchard", cls="Orchard", max_steps=500)
PAY = "            w.reward[i] += w.p.berry_value\n"
RULES = "rules = (movement.move, ripen, pick, episode.time_limit)"


def instead(line: str) -> tuple[str, str]:
    """An edit that puts a line in the place of the one that pays."""
    return PAY, "".join(f"            {each}\n" for each in line.split("\n"))


HELPER = ("@rule\ndef pick(w):", "def helper(w, i):\n    w.reward[i] += 1.0\n\n\n@rule\ndef pick(w):")

# What is edited, what it becomes, what is said, and on which line: the first that holds this text.
BROKEN: dict[str, tuple[str, str, str, str]] = {
    # names in rules
    "field": (*instead("w.rewrd[i] += 1.0"), "a copy has no 'rewrd'; did you mean 'reward'", "w.rewrd[i]"),
    "field read": (*instead("w.reward[i] += w.bushs[0, 0]"), "no 'bushs'; did you mean 'bushes'", "w.bushs"),
    "param": (*instead("w.reward[i] += w.p.bery_value"), "no param 'bery_value'; did you mean 'berry_value'", "w.p.bery"),
    "param without p": (*instead("w.reward[i] += w.berry_value"), r"write w\.p\.berry_value", "w.berry_value"),
    "kind": (*instead("grid.take(w, row, col, Kind.BERY)"), "no kind 'BERY'; did you mean 'BERRY'", "Kind.BERY"),
    "event": (*instead("w.events[i, Event.BERRY] += 1"), "no name 'BERRY'; did you mean 'BERRIES'", "Event.BERRY]"),
    "function": (*instead("grid.tak(w, row, col, Kind.BERRY)"), "has no 'tak'; did you mean 'take'", "grid.tak("),
    "function of draw": (*instead("w.reward[i] += draw.unifrm(w)"), "did you mean 'uniform'", "draw.unifrm"),
    "action": (*instead("w.reward[i] += movement.FORWRD"), "did you mean 'FORWARD'", "FORWRD"),
    "module": (*instead("movment.turn(w, i, 0)"), "there is no 'movment' here; did you mean 'movement'", "movment."),
    "local": (*instead("w.reward[i] += colum"), "there is no 'colum' here; did you mean 'col'", "colum"),
    "state not declared": (*instead("w.hunger[i] = 0"), "a copy has no 'hunger'", "w.hunger"),
    "alias": (*instead("v = w\nv.rewrd[i] += 1.0"), "v.rewrd: a copy has no 'rewrd'", "v.rewrd"),
    "alias of params": (*instead("q = w.p\nw.reward[i] += q.bery_value"), "no param 'bery_value'", "q.bery"),
    "arguments": (*instead("grid.take(w, row, Kind.BERRY)"), r"missing a required argument: 'kind'; it is grid\.take\(w, row", "grid.take(w, row, Kind"),
    "too many": (*instead("draw.uniform(w, 3)"), r"too many positional arguments; it is draw\.uniform\(w\)", "draw.uniform(w, 3)"),
    "keyword": (*instead("draw.below(w, m=3)"), r"missing a required argument: 'n'|unexpected keyword argument 'm'", "m=3"),
    "in a helper of two calls": (
        "@rule\ndef pick(w):",
        "@rule\ndef pay(v, k):\n    v.rewrd[k] += 1.0\n\n\n@rule\ndef bring(w, k):\n    pay(w, k)\n\n\n@rule\ndef pick(w):\n    bring(w, 0)",
        "in pay: v.rewrd: a copy has no 'rewrd'",
        "v.rewrd",
    ),
    "library needs state": (*instead("beams.fires(w, i, w.zap_wait, 1, 2)"), "there is no 'beams' here", "beams.fires"),
    "library needs params": ("rules = (", "rules = (episode.stochastic_end, ", r"episode\.stochastic_end needs what is not there: w\.p\.min_steps", "rules = ("),
    # marks
    "helper without rule": (*HELPER, "", ""),
    "rule without rule": ("@rule\ndef pick(w):", "def pick(w):", "pick is among the world's rules but not marked; write @rule", "def pick"),
    "start without rule": ("start = (movement.scatter,)", "start = (movement.scatter, lambda w: None)", r"start\[1\] is a lambda; write a function of its own, marked with @rule", "    start ="),
    "rule with two arguments": ("@rule\ndef pick(w):\n", "@rule\ndef pick(w, i):\n", r"a rule of a step takes the copy alone; write def pick\(w\)", "@rule\ndef pick"),
    # Python that does not compile
    "global": (*instead("global TOTAL\nTOTAL = 1"), r"global does not work in a rule: .*`state`", "global TOTAL"),
    "raise": (*instead("raise ValueError"), "raise does not work in a rule: .*episode.terminate", "raise ValueError"),
    "assert": (*instead("assert row > 0"), "assert does not work in a rule", "assert row"),
    "try": (*instead("try:\n    w.reward[i] += 1.0\nexcept IndexError:\n    pass"), "try does not work in a rule", "try:"),
    "with": (*instead("with open('x') as f:\n    w.reward[i] += 1.0"), "with does not work in a rule", "with open"),
    "comprehension": (*instead("w.reward[i] += len([k for k in range(3)])"), "list comprehension.* write a for loop", "[k for"),
    "generator": (*instead("w.reward[i] += sum(k for k in range(3))"), "generator expression.* write a for loop", "sum(k"),
    "dict": (*instead("prices = {0: 1.0}\nw.reward[i] += prices[0]"), "a dict does not work in a rule: .*`state`", "prices = {"),
    "set": (*instead("if i in {1, 2}:\n    w.reward[i] += 1.0"), "a set does not work in a rule", "{1, 2}"),
    "f-string": (*instead('print(f"{row}")'), "an f-string does not work in a rule", 'print(f"'),
    "percent": (*instead('print("%d" % row)'), "formatting text does not work in a rule", '"%d"'),
    "format": (*instead('print("{}".format(row))'), "formatting text does not work in a rule", '"{}"'),
    "lambda": (*instead("f = lambda x: x\nw.reward[i] += f(1)"), "lambda does not work in a rule", "lambda"),
    "import inside": (*instead("import math\nw.reward[i] += math.pi"), "import at the top of the file", "import math"),
    "isinstance": (*instead("if isinstance(row, int):\n    pass"), "isinstance.. does not work in a rule", "isinstance"),
    "own chance": (*instead("w.reward[i] += np.random.random()"), r"use sorrelsim\.rules\.draw", "np.random"),
    "whole array": (*instead("w.reward = w.reward"), r"w\.reward cannot be set as a whole; write w\.reward\[0\] or w\.reward\[i\]", "w.reward = w"),
    "turn": (*instead("w.turn += 1"), "w.turn is a number that rules cannot write", "w.turn +="),
    "params written": (*instead("w.p.berry_value = 2.0"), "is a param, which rules cannot write", "w.p.berry_value = 2.0"),
    "index from the end": (*instead("w.reward[-1] = 1.0"), r"do not count from the end; write w\.reward\.shape\[0\] -1", "w.reward[-1]"),
    "fraction": (*instead("w.reward[i / 2] = 1.0"), "an index is a whole number; write // in place of /", "w.reward[i / 2]"),
    # class attributes
    "event for events": ("    events = Event\n", "    event = Event\n", "class attribute of a world 'event'; did you mean 'events'", "    event = Event"),
    "rule for rules": ("    rules = (", "    rule = (", "'rule'; did you mean 'rules'", "    rule = ("),
    "agents": ("    n_agents = 3", "    num_agents = 3", "'num_agents'; did you mean 'n_agents'", "num_agents"),
    "site": ("    sites = {", "    site = {", "'site'; did you mean 'sites'", "    site = {"),
    "no params": ("    kinds, params = Kind, Params\n", "    kinds = Kind\n", "declares no params", "class Orchard("),
    "scalars without observe": ("    n_agents = 3", '    n_agents = 3\n    scalars = {"hunger": 1}', r"no observe to fill them; write observe = see.*def see\(w, i, into\)", "    scalars ="),
    "observe without scalars": ("    n_agents = 3", "    n_agents = 3\n    observe = pick", r"observe fills what scalars declares.*write scalars = ", "    observe = pick"),
    "one rule": (RULES, "rules = (pick)", r"one function, not a tuple of them; a tuple of one has a comma: \(pick,\)", "rules = (pick)"),
    "rule called": (RULES, "rules = (movement.move, None)", "number 1 is None, which is no function", "rules = (movement.move, None)"),
    "actions": ("actions = movement.EGOCENTRIC", 'actions = "noop"', "'noop' is no sequence of names of actions", "    actions ="),
    "maps": ('maps = {"field": FIELD}', "maps = FIELD", "is no mapping of names to maps; write", "    maps ="),
    "state": ("    n_agents = 3", '    n_agents = 3\n    state = {"hunger": 0}', r"'hunger' is 0; write per_world\(\), per_agent\(\)", "    state ="),
    "site of state": ("    n_agents = 3", '    n_agents = 3\n    state = {"ripe": per_site("bush")}', "no site for state 'ripe' 'bush'; did you mean 'bushes'", "    state ="),
    "torus": ("    n_agents = 3", '    n_agents = 3\n    torus = ("feild",)', "no map in torus 'feild'; did you mean 'field'", "    torus ="),
    "no dataclass": ("@dataclass(frozen=True)\n", "", "is no dataclass; write @dataclass", "kinds, params"),
    "param without type": ("    berry_value: float = 1.0", "    berry_value = 1.0", r"Params\.berry_value has no type and so is no param; write berry_value: float", "kinds, params"),
    "tuple that Numba takes for a method": ("    berry_value: float = 1.0", "    view: tuple = (1, 2)\n    berry_value: float = 1.0", "params: compiled rules can read nothing that is named 'view'; call it otherwise", "kinds, params"),
    "param that Numba takes for a method": ("    berry_value: float = 1.0", "    view: int = 1\n    berry_value: float = 1.0", "params: .* nothing that is named 'view'", "kinds, params"),
    "state that Numba takes for a method": ("    n_agents = 3", '    n_agents = 3\n    state = {"view": per_site("bushes")}', "state: .* nothing that is named 'view'", "    state ="),
    "site that Numba takes for a method": ("    sites = {", '    sites = {"view": "b", ', "sites: .* nothing that is named 'view'", "    sites ="),
    "pays": ('pays="berry_value"', 'pays="bery_value"', r"no param that Kind\.BERRY pays 'bery_value'; did you mean 'berry_value'", "    kinds, params"),
    "no kind": ('    BERRY = kind("b", pays="berry_value")', '    BERRY = "b"', r"Kind\.BERRY is 'b', which is no kind; write BERRY = kind\('b'\)", "class Kind("),
    "events of another class": ("class Event(Events)", "class Event(IntEnum)", "Event does not derive from Events", "    events ="),
    "agents of no number": ("    n_agents = 3", '    n_agents = "3"', "'3' is no whole number from 1", "    n_agents"),
    # what keeps the file from being imported
    "import": ("from sorrelsim.rules import draw", "from sorrelsim.rules import drow", "cannot be imported.*did you mean 'draw'", "import drow"),
    "undefined": ('kind("W"', 'kindd("W"', "cannot be imported.*'kindd' is not defined; did you mean 'kind'", "kindd"),
    "syntax": ("def pick(w):", "def pick(w)", "cannot be imported.*SyntaxError", "def pick(w)"),
    "paint": ("    BERRY=sprites", "    BERY=sprites", "cannot be imported.*did you mean 'BERRY'", "Kind.paint("),
    "setting of kind": ("solid=True", "solidd=True", "cannot be imported.*solidd", "solidd"),
}  # fmt: skip
BROKEN["helper without rule"] = (
    HELPER[0], HELPER[1] + "\n    helper(w, 0)", "calls helper, a plain function; write @rule on the line above 'def helper'", "    helper(w, 0)",
)  # fmt: skip
IMPORTS = "from enum import IntEnum, auto\n\nimport numpy as np\n"
CONFIG = """
world: {{name: {path}}}
n_worlds: 2
seats: [{{model: random}}]
epochs: 1
turns: 3
"""


@pytest.fixture
def broken(tmp_path):
    def write(case):
        old, new, said, at = BROKEN[case]
        assert SOUND.count(old) >= 1, old
        text = SOUND.replace(old, new, 1).replace("from enum import auto\n", IMPORTS)
        text = text.replace("probability, rule", "per_site, probability, rule")
        path = tmp_path / "orchard.py"
        path.write_text(text)
        return path, said, text[: text.index(at)].count("\n") + 1

    return write


def test_the_world_is_sound_before_the_edits(tmp_path):
    path = tmp_path / "orchard.py"
    path.write_text(SOUND)
    sorrelsim.make(path, compiled=False).step([[1, 1, 1]])
    assert len(BROKEN) > 60


@pytest.mark.parametrize("case", BROKEN)
def test_each_is_told_with_file_line_and_what_to_write(case, broken, tmp_path):
    path, said, line = broken(case)
    began = time.process_time()
    with pytest.raises((RuleError, ValueError)) as failure:
        sorrelsim.make(path)
    spent = time.process_time() - began
    text = str(failure.value)
    assert re.search(said, text), text
    assert f"{path}, line {line}" in text, f"line {line}: {text}"
    assert spent < 2, "nothing needs to be compiled to see this"
    with pytest.raises(CheckFailed) as failed:
        check_world(path, compiled=False, steps=5)
    assert any(re.search(said, problem) and f"{path}, line {line}" in problem for problem in failed.value.problems)
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(path=path))
    with pytest.raises((RuleError, ValueError)) as failure:
        Experiment(config)
    assert re.search(said, str(failure.value))
    assert f"{path}, line {line}" in str(failure.value)
