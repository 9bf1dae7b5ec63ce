"""The command line: ``sorrelsim`` and ``python -m sorrelsim``."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Runs the command; what a user got wrong is said in a line or two, without a traceback."""
    from sorrelsim.cli.app import app

    try:
        app()
    except Exception as error:
        # Compared by name, because importing the modules that define them would make every command slow.
        told = isinstance(error, ValueError | OSError) or type(error).__name__ in (
            "OutOfBounds",
            "RuleError",
            "TrainingDiverged",
        )
        if not told or os.environ.get("SORRELSIM_TRACEBACK"):
            raise
        said = str(error)
        if isinstance(error, OSError) and error.filename and error.strerror:
            said = f"{error.filename}: {error.strerror}"
        print(f"error: {said}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
