"""Play the events of a spill file back into the buffer that they came from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mimocorb._access.assignment import Setups
from mimocorb._access.spill_file import spilled_events
from mimocorb.errors import SetupError
from mimocorb.sources.from_function import SourceToBuffer

__all__ = ["replay_spilled"]


def replay_spilled(
    source_list: Setups = None,
    sink_list: Setups = None,
    observe_list: Setups = None,
    config_dict: dict[str, Any] | None = None,
    **rb_info: str,
) -> None:
    """Publish the events that a worker did not get to process, with the metadata they had.

    Parameters
    ----------
    source_list, observe_list
        None.
    sink_list
        The buffer.
    config_dict
        ``spill_file``: path of the file; ``worker``: the worker they were due to.
    **rb_info
        Buffer names and roles.

    Raises
    ------
    SetupError
        A key is missing, or the file cannot be read.
    """
    config = config_dict or {}
    missing = [key for key in ("spill_file", "worker") if key not in config]
    if missing:
        raise SetupError(f"replay_spilled needs the configuration key {missing[0]!r}")
    (buffer,) = rb_info

    def events() -> Iterator[tuple[Any, tuple[int, float, float]]]:
        for rows in spilled_events(Path(config["spill_file"]), buffer, config["worker"]):
            for row in rows:
                metadata = (int(row["counter"]), float(row["timestamp"]), float(row["deadtime"]))
                yield row["data"], metadata

    SourceToBuffer(source_list, sink_list, observe_list, config, events, **rb_info)()
