"""What goes wrong on the command line, said to the person in front of it."""

from __future__ import annotations


class CliError(Exception):
    """The command cannot do what was asked; the message says what to do.

    Attributes:
        exit_code: 1 if it could not be done, 2 if the command was used wrongly.
    """

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class UsageError(CliError):
    """The command was used wrongly, or something it needs is not installed."""

    def __init__(self, message: str) -> None:
        super().__init__(message, exit_code=2)
