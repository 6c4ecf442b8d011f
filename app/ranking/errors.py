"""One tree of errors. The class says who can mend it; the text says what was given, why it can't be, and what to do."""


class RankingError(Exception):
    """Root of all errors of this project that a caller may want to catch."""


class SettingsError(RankingError):
    """A setting, recipe or argument is wrong: the person who wrote it can mend it before anything runs."""


class TemplateError(RankingError):
    """A prompt profile is wrong, or does not fit what it is used for."""


class InputError(RankingError):
    """Something a user handed in (a file, a query, a list) can't be used; says which part and why."""


class BackendError(RankingError):
    """A model call failed. The driver turns it into `outcome="error"` and keeps the incoming order.

    `requests` counts what was sent to the model before it was given up.
    """

    requests: int = 1


class BackendUnavailable(BackendError):
    """The model can't be reached or loaded at all: a missing package, file, host or key."""


class BackendBusy(BackendError):
    """The model is there but takes no more work now; trying later can help."""


class StoreError(RankingError):
    """The database refused or can't be used."""


class Conflict(StoreError):
    """A save was based on a version that is no longer the newest; nothing was written."""


class NotFound(StoreError):
    """No such row for this actor."""


class Forbidden(RankingError):
    """The actor lacks the role for this."""
