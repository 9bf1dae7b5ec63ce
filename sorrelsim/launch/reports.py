"""What is told of a run while it is played: reports, which travel as lines of JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Self

ENDS = ("finished", "stopped", "failed", "killed")
"""How the process of a run may end: the run is whole; it was told to save and end; an error; it died."""


@dataclass(frozen=True)
class Report:
    """Something that has changed in a run.

    Attributes:
        run: The run's name.
        doing: What it does now, such as ``training``.
        epoch: Epochs that it has played.
        returned: Mean return of the latest epoch; nan where no episode ended.
        end: One of :data:`ENDS` if its process has ended, else nothing.
        error: What was wrong, in a line or two.
    """

    run: str
    doing: str = ""
    epoch: int = 0
    returned: float = math.nan
    end: str = ""
    error: str = ""

    def line(self) -> str:
        """Returns the report as a line."""
        return json.dumps(dataclasses.asdict(self)) + "\n"

    @classmethod
    def read(cls, line: str) -> Self:
        """Returns the report of a line."""
        return cls(**json.loads(line))
