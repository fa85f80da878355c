"""``activity_logger`` of release 1.0.2: loggers whose level is set for all of them at once."""

from __future__ import annotations

import logging

__all__ = ["Gen_logger", "Logging_manager"]


class Logging_manager:  # noqa: N801 - the documented name
    """Makes loggers; :meth:`set_level` sets the level of all that it has made, and will make.

    In a run, what is logged goes to the log of the run.

    Attributes
    ----------
    level : int
        The level, at first WARNING.
    logger_pool : list of logging.Logger
        The loggers that were made.

    Examples
    --------
    >>> import logging
    >>> from mimocorb.activity_logger import Logging_manager
    >>> make = Logging_manager()
    >>> detector = make("detector")
    >>> make.set_level(logging.INFO)
    >>> detector.level == make("trigger").level == logging.INFO
    True
    """

    def __init__(self) -> None:
        self.level = logging.WARNING
        self.logger_pool: list[logging.Logger] = []

    def set_level(self, level: int) -> None:
        """Set the level of all loggers.

        Parameters
        ----------
        level
            Such as ``logging.DEBUG``.
        """
        self.level = level
        for logger in self.logger_pool:
            logger.setLevel(level)

    def __call__(self, name: str) -> logging.Logger:
        """Return the logger of a name, with the level of all.

        Parameters
        ----------
        name
            Of the logger.
        """
        logger = logging.getLogger(name)
        logger.setLevel(self.level)
        self.logger_pool.append(logger)
        return logger


Gen_logger = Logging_manager()
"""The one that everybody shares."""
