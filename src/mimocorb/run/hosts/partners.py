"""What a run knows of the hosts that it is connected with, and what there is to say about it.

Nothing here speaks to a network: what was heard goes in, what is to be said comes out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from mimocorb._words import how_many
from mimocorb.model.engine import HostPart
from mimocorb.run.alarm import AlarmKind
from mimocorb.run.host_view import HostView
from mimocorb.run.hosts.told import Asked, Told
from mimocorb.run.record.connected import Clock

__all__ = ["LOST_S", "AlarmLine", "Partners", "first_difference"]

LOST_S = 4.0
"""A host tells how it is once a second; after so long without a sign it is away."""
TOLD_AFTER_S = 3.0
"""The engine may be away for so long, as when it is started again."""
OFFSET_S = 1.0
"""How far clocks may be apart where nothing is merged by time."""
CLOCKS_KEPT = 10
OLDEST_REQUEST_S = 60.0
GOING_ON = ("starting", "running", "paused")


@dataclass(frozen=True)
class AlarmLine:
    """An alarm that begins, goes on with another text, or is over."""

    kind: AlarmKind
    subject: str
    text: str
    goes_on: bool = True


@dataclass
class _Known:
    """A run of another host."""

    told: Told
    heard_s: float
    clocks: deque[Clock] = field(default_factory=lambda: deque(maxlen=CLOCKS_KEPT))
    said: str = ""

    @property
    def clock(self) -> Clock | None:
        """The offset that is known best."""
        return min(self.clocks, key=lambda one: one.uncertainty_s, default=None)


class Partners:
    """The hosts that a run is connected with.

    Parameters
    ----------
    part
        What this host runs.
    title
        Name of the set-up.
    """

    def __init__(self, part: HostPart, title: str) -> None:
        self._part = part
        self._title = title
        self._own: Told | None = None
        self._known: dict[tuple[str, str], _Known] = {}
        """The run of a host that was heard last."""
        self._twins: dict[tuple[str, str], _Known] = {}
        """Another run of the same host, if there is one at the same time."""
        self._alarms: dict[tuple[AlarmKind, str], str] = {}
        self._done: set[str] = set()
        self._there_since_s: float | None = None
        self._away_since_s: float | None = None
        self.requests: list[tuple[Told, Asked]] = []
        """What others have asked, for this run."""
        self.clocks: dict[str, Clock] = {}

    # --- what is heard

    def is_own(self, told: Told) -> None:
        """Note how this run is now."""
        self._own = told

    def heard(self, told: Told, now_s: float) -> None:
        """Take what a host has told."""
        own = self._own
        if own is None or (told.view.run == own.view.run and told.key == own.key):
            return
        if told.key == own.key:
            self._twins[told.key] = _Known(told, now_s)
            return
        if not self._is_partner(told):
            return
        known = self._known.get(told.key)
        if known is None or known.told.view.run != told.view.run:
            if known is not None and told.view.has_ended and not known.told.view.has_ended:
                return  # the last words of a run that another one has followed
            self._known[told.key] = _Known(told, now_s)
        else:
            known.told, known.heard_s = told, now_s
        self._take_request(told, own)

    def _is_partner(self, told: Told) -> bool:
        """Whether a host is of the same set-up, or shares a buffer."""
        part = self._part
        if told.view.title == self._title and part.hosts and told.view.host in part.hosts:
            return True
        reads = {each.buffer for each in part.reads.values()}
        return bool(reads & set(told.writes) or set(part.writes) & set(told.reads))

    def _take_request(self, told: Told, own: Told) -> None:
        """Take what was asked of a host of the same set-up, once."""
        asked = told.asked
        if asked is None or asked.name in self._done:
            return
        self._done.add(asked.name)
        is_recent = asked.ago_s < OLDEST_REQUEST_S
        began_before = (own.view.elapsed_s or 0.0) > asked.ago_s
        if told.view.title == self._title and self._part.hosts and is_recent and began_before:
            self.requests.append((told, asked))

    def clock(self, told: Told, clock: Clock) -> None:
        """Take a comparison of clocks."""
        known = self._known.get(told.key)
        if known is not None:
            known.clocks.append(clock)
            if known.clock is not None:
                self.clocks[told.view.host] = known.clock

    @property
    def there(self) -> list[Told]:
        """The hosts that go on, as far as is known."""
        return [known.told for known in self._known.values() if not known.told.view.has_ended]

    # --- what there is to say

    def views(self, now_s: float) -> list[HostView]:
        """Return how the other hosts are, and those of the set-up that were never heard."""
        found = []
        for known in self._known.values():
            clock = known.clock
            found.append(
                replace(
                    known.told.view,
                    seen_ago_s=now_s - known.heard_s,
                    offset_s=clock.offset_s if clock else None,
                    uncertainty_s=clock.uncertainty_s if clock else None,
                    note=self._waiting(known),
                )
            )
        seen = {view.host for view in found if view.title == self._title}
        found += [
            HostView(host, self._title, "", None, "", 0, "not seen yet")
            for host in self._part.hosts
            if host not in seen and host != self._part.host
        ]
        return sorted(found, key=lambda view: (view.title != self._title, view.host))

    def look(self, now_s: float, *, is_there: bool, reason: str) -> Iterator[AlarmLine]:
        """Yield what alarms begin, change and end now.

        Parameters
        ----------
        now_s
            By the monotonic clock.
        is_there, reason
            Whether the engine can be reached, and why not.
        """
        if self._own is None:
            return
        now: dict[tuple[AlarmKind, str], str] = {}
        if is_there:
            self._there_since_s = self._there_since_s or now_s
            self._away_since_s = None
            for known in self._known.values():
                now |= self._about(known, now_s)
            now |= self._twice(now_s)
        else:
            self._there_since_s = None
            self._away_since_s = self._away_since_s or now_s
            # What is with the other hosts cannot be known: as before.
            now |= {
                key: text for key, text in self._alarms.items() if key[0] is AlarmKind.HOST_AWAY
            }
            if now_s - self._away_since_s > TOLD_AFTER_S:
                now[AlarmKind.ENGINE_AWAY, "engine"] = self._without_engine(reason)
        yield from self._changes(now)

    def _changes(self, now: Mapping[tuple[AlarmKind, str], str]) -> Iterator[AlarmLine]:
        for (kind, subject), text in now.items():
            if self._alarms.get((kind, subject)) != text:
                yield AlarmLine(kind, subject, text)
        for kind, subject in self._alarms:
            if (kind, subject) not in now:
                yield AlarmLine(kind, subject, self._over(kind, subject), goes_on=False)
        self._alarms = dict(now)

    def _over(self, kind: AlarmKind, subject: str) -> str:
        if kind is AlarmKind.ENGINE_AWAY:
            return "the engine is back"
        if kind is AlarmKind.CLOCKS:
            return f"the clock of {subject} agrees again"
        if kind is AlarmKind.SETUPS:
            return f"{subject} has the same set-up again"
        if kind is AlarmKind.HOST_TWICE:
            return f"{subject} runs once again"
        known = [each for key, each in self._known.items() if key[1] == subject]
        ended = all(each.told.view.has_ended for each in known)
        return f"{subject} has ended" if ended else f"{subject} is back"

    def _about(self, known: _Known, now_s: float) -> dict[tuple[AlarmKind, str], str]:
        """Return what is wrong with one host."""
        view, found = known.told.view, {}
        silent_s = now_s - max(known.heard_s, self._there_since_s or now_s)
        waiting = self._waiting(known)
        more = f"; {waiting}" if waiting else ""
        runs = f"run {view.number} of {view.host} on {view.machine}"
        if not view.has_ended and silent_s > LOST_S:
            found[AlarmKind.HOST_AWAY, view.host] = (
                f"{runs} gives no sign any more: it, or its network, is away{more}"
            )
        elif view.state in ("killed", "given up") and self._needs(known.told):
            found[AlarmKind.HOST_AWAY, view.host] = f"{runs} was {view.state}{more}"
        elif view.has_ended and self._needs(known.told) and now_s - known.heard_s > LOST_S:
            found[AlarmKind.HOST_AWAY, view.host] = f"{runs} has ended ({view.cause}){more}"
        if view.has_ended:
            return found
        found |= self._clocks(known)
        own = self._own
        same = view.title == self._title and own is not None
        if same and own and own.setup_hash != known.told.setup_hash and known.said:
            found[AlarmKind.SETUPS, view.host] = known.said
        return found

    def _needs(self, told: Told) -> bool:
        """Whether this run goes on to write what a host reads."""
        own = self._own
        goes_on = own is not None and own.view.state in GOING_ON
        return goes_on and bool(set(self._part.writes) & set(told.reads))

    def _clocks(self, known: _Known) -> dict[tuple[AlarmKind, str], str]:
        clock, view = known.clock, known.told.view
        if clock is None:
            return {}
        most_s = OFFSET_S if self._part.offset_s is None else self._part.offset_s
        if abs(clock.offset_s) - clock.uncertainty_s <= most_s:
            return {}
        which = "ahead of" if clock.offset_s > 0 else "behind"
        needed = "events of both are merged by time within" if self._part.offset_s else "wanted is"
        text = (
            f"the clock of {view.host} is about {abs(clock.offset_s):.3g} s {which} that of"
            f" {self._part.host}; {needed} {most_s:g} s: set the clocks, such as with chrony"
        )
        return {(AlarmKind.CLOCKS, view.host): text}

    def _twice(self, now_s: float) -> dict[tuple[AlarmKind, str], str]:
        """Return whether this host runs twice."""
        found = {}
        for known in self._twins.values():
            view = known.told.view
            if not view.has_ended and now_s - known.heard_s < LOST_S:
                found[AlarmKind.HOST_TWICE, view.host] = (
                    f"{view.host} of {view.title} runs twice: also as run {view.number} on"
                    f" {view.machine}, process {view.pid}; stop one of them"
                )
        return found

    def _waiting(self, known: _Known) -> str:
        """Say what waits here for a host, or what it owes us."""
        own, told, parts = self._own, known.told, []
        if own is None:
            return ""
        for buffer, readers in self._part.writes.items():
            mine = [name for name in told.reads.get(buffer, ()) if name in readers]
            if not mine or len(readers[mine[0]]) > 1:  # several hosts share them
                continue
            came = told.came.get(buffer, {}).get(f"{self._part.host}/{own.view.run}", 0)
            waiting = own.published.get(buffer, 0) - came
            if waiting > 0 and told.view.state not in ("running", "paused", "draining"):
                parts.append(f"{how_many(waiting, 'event')} of {buffer} wait for it")
            elif waiting > 0:
                parts.append(f"{how_many(waiting, 'event')} of {buffer} on the way to it")
        if known.told.view.has_ended:
            return ", ".join(parts)
        reads = {each.buffer for each in self._part.reads.values()}
        parts += [f"{buffer} comes from it" for buffer in told.writes if buffer in reads]
        return ", ".join(parts)

    def _without_engine(self, reason: str) -> str:
        own, parts = self._own, []
        for buffer in self._part.writes:
            published = own.published.get(buffer, 0) if own else 0
            came = [
                runs.get(f"{self._part.host}/{own.view.run}", 0)
                for known in self._known.values()
                if own and (runs := known.told.came.get(buffer))
            ]
            left = published - min(came, default=0)
            parts.append(f"up to {how_many(left, 'event')} of {buffer} wait in the outbox")
        parts += [f"no events of {each.buffer} come" for each in self._part.reads.values()]
        where = self._part.engine.nats
        return f"the engine at {where} cannot be reached: {reason}; {', '.join(parts)}"

    # --- set-ups

    def other_setups(self) -> Iterator[Told]:
        """Yield the hosts whose set-up has another text, which has not been looked at yet."""
        own = self._own
        for known in self._known.values():
            told = known.told
            same = own is not None and told.view.title == own.view.title
            if same and own and told.setup_hash != own.setup_hash and not known.said:
                yield told

    def setup_differs(self, told: Told, own_text: str, their_text: str) -> None:
        """Note in what the set-up of a host differs."""
        known = self._known.get(told.key)
        if known is not None:
            known.said = (
                f"the set-up of {told.view.host} is another one than here:"
                f" {first_difference(own_text, their_text, told.view.host)}"
            )


def first_difference(here: str, there: str, host: str) -> str:
    """Return the first line in which two texts differ."""
    ours, theirs = here.splitlines(), there.splitlines()
    for number in range(max(len(ours), len(theirs))):
        one = ours[number].strip() if number < len(ours) else "nothing"
        other = theirs[number].strip() if number < len(theirs) else "nothing"
        if one != other:
            lines = f"line {number + 1} is here {one!r}, on {host} {other!r}"
            return f"{lines}; copy the same file to both"
    return f"they differ in spaces at the ends of lines; copy the same file to {host}"
