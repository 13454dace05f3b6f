"""The errors a user sees: one clear sentence each, and the exit code that goes with it.

Every message names the object (file, symbol, date, parameter), then the cause, then the remedy.
Anything that is not a `QilinError` is a bug of ours and ends with exit code 70.
"""


class QilinError(Exception):
    """A fault that is explained to the user in one sentence, without a traceback."""

    exit_code = 1


class UserError(QilinError, ValueError):
    """Wrong use or settings: a missing file, a wrong column, a parameter out of range."""

    exit_code = 2


class DataNotReadyError(QilinError):
    """The data for the asked session is not there yet."""

    exit_code = 4


class EnvironmentFaultError(QilinError):
    """The machine or a service is at fault: a port in use, a store that cannot be written."""

    exit_code = 5


class MissingPackageError(QilinError, ImportError):
    """An optional package is not installed; the message says what to install."""

    exit_code = 5


class NightFailedError(QilinError):
    """The night finished with failed parts; what failed is named, finished blocks stand."""

    exit_code = 1
