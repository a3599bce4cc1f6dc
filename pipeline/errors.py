"""The errors that the consumer loop knows what to do with. Anything else stops the process."""

EXIT_HELD = 78
"""Exit status of a process that must not be started again before somebody has looked."""


class Invalid(Exception):
    """The record can never be processed: it goes to the dead-letter topic with this reason."""


class Erased(Exception):
    """The record is about a trace that was erased: there is nothing to do for it, and nothing is wrong."""


class Retryable(Exception):
    """Something outside failed and may recover: back off and try again; nothing is committed meanwhile."""


class Explained(Exception):
    """Ends the process, and the text says all that an operator needs: it is logged without a traceback."""

    exit_status = 1


class Unreachable(Explained):
    """A server that is needed did not answer at the start; the text says which, and what to check."""


class Refused(Explained):
    """A server refused our credentials. Trying again is of no use: the text says which settings to correct."""


class BadSetting(SystemExit):
    """A setting is missing or wrong; the text names its variable and says what is expected."""
