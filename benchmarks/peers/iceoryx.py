"""iceoryx2: shared memory without copies. It shares no work between subscribers, so 1→1 only.

Lossless by ``RetryUntilDelivered``; a reader sleeps on the event service, which the writer has to
notify for each sample.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager

import iceoryx2 as iox2
import numpy as np
from loops import Link, Source
from shapes import SLOTS, Shape


class PublishSubscribe(Link):
    """One publish-subscribe service with an event service beside it."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        iox2.set_log_level(iox2.LogLevel.Error)
        self.name = f"mimocorb-benchmark/{os.getpid()}"
        # What is sent before both sides have met is dropped, so they meet first.
        context = multiprocessing.get_context("fork")
        self.subscribed = context.Event()
        self.published = context.Event()
        self.finished = context.Event()

    def services(self):
        node = iox2.NodeBuilder.new().create(iox2.ServiceType.Ipc)
        data = (
            node.service_builder(iox2.ServiceName.new(self.name))
            .publish_subscribe(iox2.Slice[ctypes.c_uint8])
            .enable_safe_overflow(False)
            .subscriber_max_buffer_size(SLOTS)
            .open_or_create()
        )
        event = node.service_builder(iox2.ServiceName.new(self.name)).event().open_or_create()
        return node, data, event

    @contextmanager
    def sink(self, writer: int) -> Iterator[_Outbox]:
        node, data, event = self.services()
        publisher = (
            data.publisher_builder()
            .initial_max_slice_len(self.shape.event_bytes)
            .backpressure_strategy(iox2.BackpressureStrategy.RetryUntilDelivered)
            .create()
        )
        self.published.set()
        self.subscribed.wait()
        notifier = event.notifier_builder().create()
        publisher.update_connections()
        yield _Outbox(publisher, notifier, self.shape)
        self.finished.wait()
        del node

    @contextmanager
    def source(self, group: int, member: int) -> Iterator[Source]:
        node, data, event = self.services()
        self.published.wait()
        subscriber = data.subscriber_builder().buffer_size(SLOTS).create()
        listener = event.listener_builder().create()
        self.subscribed.set()
        yield _Inbox(subscriber, listener, self.shape.dtype).get
        self.finished.set()
        del node


class _Outbox:
    def __init__(self, publisher, notifier, shape: Shape) -> None:
        self.publisher, self.notifier, self.shape = publisher, notifier, shape

    def get_new_buffer(self) -> np.ndarray:
        self.sample = self.publisher.loan_slice_uninit(self.shape.event_bytes)
        return np.frombuffer(self.sample.payload().as_memory_view(), self.shape.dtype)

    def process_buffer(self) -> None:
        self.sample.assume_init().send()
        self.notifier.notify()


class _Inbox:
    def __init__(self, subscriber, listener, dtype: np.dtype) -> None:
        self.subscriber, self.listener, self.dtype = subscriber, listener, dtype
        self.sample = None

    def get(self) -> np.ndarray:
        if self.sample is not None:
            self.sample.delete()
        while (sample := self.subscriber.receive()) is None:
            self.listener.blocking_wait()
        self.sample = sample
        return np.frombuffer(sample.payload().as_memory_view(), self.dtype)
