"""What the page of each learner shows of networks of one's own: a short file that makes it with one."""

from __future__ import annotations

from sorrelsim.models.base import BaseModel

HUNTING = "import sorrelsim\nfrom {module} import {name}\n"
SWINGING = "from {module} import {name}\nfrom sorrelsim.outside.make import make_outside\n"
BODY = '''class {called}(nn.Module):
    """{said}"""

    def __init__(self, seen, n_out):
        super().__init__()
        self.layer = nn.Linear(seen.shape[0] * seen.shape[1] * seen.shape[2], n_out)

    def forward(self, grid{more}):
'''
HUNT = """hunt = sorrelsim.make("treasure_hunt", n_worlds=8)
seen, names = hunt.observations, hunt.action_names
"""
OUT = "self.layer(grid.flatten(1).float() / 10)"


def _network(called: str, said: str, lines: str, more: str = "") -> str:
    """Returns the class of a network of one linear layer."""
    body = BODY.format(called=called, said=said, more=more)
    return body + "".join(f"        {each}\n" for each in lines.replace("OUT", OUT).splitlines())


VALUES = (
    HUNTING,
    _network("Values", "A number for each of n_out actions.", "return OUT"),
    HUNT + "learner = {name}(seen, names, 16, network=Values(seen, len(names)))\n",
)
QUANTILES = (
    HUNTING,
    _network("Quantiles", "At each of the fractions asked for, a quantile of every action's return.",
             "values = OUT\nreturn values[:, None] + taus[..., None]  # [B, n, actions]", ", taus"),
    HUNT + "learner = {name}(seen, names, 16, network=Quantiles(seen, len(names)))\n",
)  # fmt: skip
FIXED_QUANTILES = (
    HUNTING,
    _network("Quantiles", "n quantiles of every action's return, n being the setting n_quantiles.",
             "return OUT.unflatten(1, (32, -1))  # [B, n, actions]"),
    HUNT + "learner = {name}(seen, names, 16, network=Quantiles(seen, 32 * len(names)))\n",
)  # fmt: skip
ATOMS = (
    HUNTING,
    _network("Distributions", "The chances of 51 returns, the atoms, for every action.",
             "return OUT.unflatten(1, (-1, 51)).softmax(2)  # [B, actions, atoms]"),
    HUNT + "learner = {name}(seen, names, 16, network=Distributions(seen, 51 * len(names)))\n",
)  # fmt: skip
REMEMBERING = (
    HUNTING,
    '''class Remembers(nn.Module):
    """What it remembers of a stream is called as one likes, here h."""

    def __init__(self, seen, n_actions):
        super().__init__()
        self.cell = nn.GRUCell(seen.shape[0] * seen.shape[1] * seen.shape[2], 32)
        self.head = nn.Linear(32, n_actions)

    def new_carry(self, n):
        return {{"h": torch.zeros(n, 32)}}

    def forward(self, grid, h):
        h = self.cell(grid.flatten(1).float() / 10, h)
        return self.head(h), h
''',
    HUNT + "learner = {name}(seen, names, 16, network=Remembers(seen, len(names)))\n",
)
POLICY = (
    HUNTING,
    _network("Actor", "Draws an action, or says how likely a given one is.",
             "choice = torch.distributions.Categorical(logits=OUT)\n"
             "action = choice.sample() if action is None else action\n"
             "return action, choice.log_prob(action), choice.entropy()", ", action=None"),
    _network("Critic", "What a state is worth.", "return OUT"),
    HUNT + "learner = {name}(seen, names, 16, actor=Actor(seen, len(names)), critic=Critic(seen, 1))\n",
)  # fmt: skip
PROBABILITIES = (
    HUNTING,
    _network("Actor", "The chances of all actions.", "return OUT.softmax(1)"),
    _network("Critic", "What every action is worth.", "return OUT"),
    HUNT + "critics = [Critic(seen, len(names)) for _ in range(2)]\n"
    "learner = {name}(seen, names, 16, actor=Actor(seen, len(names)), critics=critics)\n",
)
WORTH = '''class Critic(nn.Module):
    """What an action is worth in a state."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, state, action):
        return self.layers(torch.cat([state, action], 1))
'''
PENDULUM = """pendulum = make_outside("gym:Pendulum-v1", n_worlds=4)
seen, acts = pendulum.observations, pendulum.action_spec
critics = [Critic() for _ in range({n_critics})]
learner = {name}(seen, acts, 4, actor=Actor(), critics=critics)
"""
DETERMINISTIC = (
    SWINGING,
    '''class Actor(nn.Module):
    """A number from -2 to 2."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 1)

    def forward(self, state):
        return 2 * self.layer(state).tanh()
''',
    WORTH,
    PENDULUM,
)
SOFT = (
    SWINGING,
    '''class Actor(nn.Module):
    """A normal distribution squashed into -2 to 2, its density corrected for that."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, state):
        mean, log_deviation = self.layer(state).chunk(2, 1)
        normal = torch.distributions.Normal(mean, log_deviation.exp())
        u = normal.rsample()  # so that gradients flow through it
        log_prob = normal.log_prob(u) - torch.log(2 * (1 - u.tanh() ** 2) + 1e-6)
        return 2 * u.tanh(), log_prob.sum(1), -log_prob.sum(1)
''',
    WORTH,
    PENDULUM,
)
EXAMPLES = {
    **dict.fromkeys(("dqn", "ddqn", "dueling", "dqn_prioritised", "dqn_apex", "pqn"), VALUES),
    "iqn": QUANTILES,
    "qr_dqn": FIXED_QUANTILES,
    "rainbow": ATOMS,
    "r2d2": REMEMBERING,
    "sac_discrete": PROBABILITIES,
    **dict.fromkeys(("a2c", "a3c", "impala", "ppo", "trpo"), POLICY),
    **dict.fromkeys(("ddpg", "ddpg_prioritised", "ddpg_apex", "hddpg", "td3"), DETERMINISTIC),
    "sac": SOFT,
}
"""What the example of each learner is made of, by the learner's name."""


def example_of(name: str, cls: type[BaseModel]) -> str:
    """Returns a file that makes a learner with networks of one's own; empty for one that is not known here."""
    if name not in EXAMPLES:
        return ""
    given = {"name": cls.__name__, "module": cls.__module__, "n_critics": 2 if name in ("td3", "sac") else 1}
    imports, *networks, made = (part.format(**given) for part in EXAMPLES[name])
    own = "\n\n".join([*networks, made])
    torch = "import torch\n" if "torch." in own else ""
    return f"{torch}from torch import nn\n\n{imports}\n\n{own}"
