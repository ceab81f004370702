"""The one error that users see: a sentence that ends in what to do."""


class SeesawError(Exception):
    """Something the user can mend. The message is one sentence, or two, that end in what to do.

    The command line prints it without a traceback and exits with 1; `--debug` shows the traceback.
    """
