"""A file format: one JSON object a line for each event."""

import json
from pathlib import Path

from mimocorb import sink


@sink
class JsonLines:
    """Write each event as a line of JSON."""

    def __init__(self, *, filename: str, directory: Path):
        self.file = (directory / f"{filename}.jsonl").open("x")

    def __call__(self, events, metadata):
        names = events.dtype.names
        for counter, event in zip(metadata.counter, events, strict=True):
            fields = {name: event[name].tolist() for name in names}
            self.file.write(json.dumps({"counter": int(counter), **fields}) + "\n")

    def close(self):
        self.file.close()
