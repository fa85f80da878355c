"""Functions as users of mimoCoRB2 write them; nothing in here knows mimocorb."""

import time
from pathlib import Path

import mimocorb2.worker_templates as templates
import numpy as np
from mimocorb2.mimo_worker import BufferIO as SameBufferIO
from mimocorb2.worker_templates import Filter, IsAlive, Observer

import mimocorb2
from mimocorb2 import BufferIO, Exporter, Importer, Processor


def pulses(buffer_io: BufferIO):
    """Waveforms of two channels: a pulse of height n in the first, n / 2 in the second."""
    assert BufferIO is SameBufferIO is mimocorb2.BufferIO
    importer = Importer(buffer_io)
    example = importer.data_example
    number_of_events = buffer_io["events"]

    def ufunc():
        for n in range(number_of_events):
            data = example.copy()
            data["chA"][10] = n
            data["chB"][10] = n / 2
            yield data
        yield None

    importer(ufunc)


def copy_some(buffer_io):
    filter = Filter(buffer_io)
    divisor = buffer_io.get("divisor", 2)

    def ufunc(data):
        data["chB"][:] = -1.0  # allowed there: only this filter sees it
        return bool(int(data["chA"].max()) % divisor == 0)

    filter(ufunc)


def sort_by_parity(buffer_io):
    def ufunc(data):
        n = int(data["chA"].max())
        return [n % 2 == 0, n % 2 == 1]

    templates.Filter(buffer_io)(ufunc)


def heights(buffer_io):
    processor = Processor(buffer_io)
    out = buffer_io.data_out_examples[0].copy()

    def ufunc(data):
        out["height"] = data["chA"].max()
        out["position"] = np.argmax(data["chA"])
        if out["height"] == 0:
            return None
        return [out]

    processor(ufunc)


def save(buffer_io):
    exporter = Exporter(buffer_io)
    path = Path(exporter.run_dir) / f"{exporter.name}.txt"
    with path.open("a") as file:
        for data, metadata in exporter:
            first, last = (data[name] for name in data.dtype.names)
            file.write(f"{metadata['counter'][0]} {first.max():g} {last[0]:g}\n")
            file.flush()


def watch(buffer_io):
    observer = Observer(buffer_io)
    generator = observer()
    counters = []
    while True:
        data, metadata = next(generator)
        if data is None:
            break
        counters.append(metadata["counter"][0])
    assert counters == sorted(set(counters))
    print(f"watched {buffer_io.buffer_names_observe} until event {counters[-1]}")


def alive(buffer_io):
    is_alive = IsAlive(buffer_io)
    while is_alive():
        time.sleep(0.01)
    print("the buffer is dead")


def by_hand(buffer_io):
    """Without a template: the handles themselves, and some events take longer than others."""
    while True:
        with buffer_io.read[0] as (metadata, data):
            if data is None:
                break
            height = data["chA"].max()
            time.sleep(0.003 * (height % 4 == 0))
            for writer in buffer_io.write:
                with writer as (metadata_out, data_out):
                    data_out["height"] = height
                    data_out["position"] = 10
                    metadata_out[:] = metadata
    buffer_io.shutdown_sinks()


def fail_once(buffer_io):
    """Fail on one event, but only the first time it comes."""
    marker = buffer_io.run_dir / "failed"

    def ufunc(data):
        if data["chA"].max() == 7 and not marker.exists():
            marker.touch()
            raise RuntimeError("no high voltage")
        return True

    Filter(buffer_io)(ufunc)


def wants_gui(buffer_io):
    from mimocorb2 import Control

    Control(buffer_io)
