"""Loggers with one level for all, under the names of release 1.0.2."""

from mimocorb.compat.manual.activity_logger import Gen_logger, Logging_manager

__all__ = ["Gen_logger", "Logging_manager"]
