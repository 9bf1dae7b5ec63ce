"""An output that nobody reads any more, as in ``sorrelsim train ... | head -1``: the run goes on without it."""

from __future__ import annotations

import contextlib
import io
import os
from typing import Any, TextIO, cast

from sorrelsim.errors import tell


class Output:
    """A text stream that goes silent, and says so on stderr, once it cannot be written to: a closed pipe, a full disk.

    Args:
        stream: Where to write.
        told: What is said then.
    """

    def __init__(self, stream: TextIO | None, told: str) -> None:
        self.stream = io.StringIO() if stream is None else stream
        self.told = told
        self.closed_by: OSError | ValueError | None = None
        if stream is None:  # closed before the command began
            self.closed_by = OSError("closed")

    def as_stream(self) -> TextIO:
        """Returns itself, as what writes to text streams takes it."""
        return cast(TextIO, self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    @property
    def encoding(self) -> str:
        """The stream's encoding."""
        return self.stream.encoding or "utf-8"

    def isatty(self) -> bool:
        """Returns whether a person reads it."""
        return self.closed_by is None and self.stream.isatty()

    def fileno(self) -> int:
        """Returns the stream's number."""
        return self.stream.fileno()

    def write(self, text: str) -> int:
        """Writes text; does nothing once that has failed."""
        if self.closed_by is None:
            try:
                return self.stream.write(text)
            except (OSError, ValueError) as error:  # ValueError: it is closed on our side
                self._silence(error)
        return len(text)

    def flush(self) -> None:
        """Hands on what was written; does nothing once that has failed."""
        if self.closed_by is None:
            try:
                self.stream.flush()
            except (OSError, ValueError) as error:
                self._silence(error)

    def _silence(self, error: OSError | ValueError) -> None:
        if isinstance(error, UnicodeError):
            raise error
        self.closed_by = error
        with contextlib.suppress(OSError, ValueError):  # what is left in the stream's memory goes nowhere at the end
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())
            os.close(nowhere)
        tell(f"the output cannot be written any more ({error}); {self.told}")
