"""Which kinds of devices set-ups can name, and what is missing for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mimocorb.checks.attached import Attached, attached
from mimocorb.components.docstrings import read_docstring
from mimocorb.components.form import kind_of
from mimocorb.devices.about import FoundAs, about_device
from mimocorb.errors import MimocorbError
from mimocorb.registry import offered
from mimocorb.setup.user_code.own_functions import offered_function
from mimocorb.setup.user_code.user_functions import load_function

__all__ = ["DeviceKind", "Hardware", "hardware"]

_OWN = "mimocorb"


@dataclass(frozen=True)
class DeviceKind:
    """A kind of device.

    Parameters
    ----------
    name
        As a set-up writes it.
    package
        The installed package that brings it.
    found_as
        Where such devices show up.
    summary
        What its docstring says first.
    missing
        What is missing, with the remedy; nothing: it can be used.
    """

    name: str
    package: str
    found_as: FoundAs
    summary: str
    missing: Sequence[str] = ()


@dataclass(frozen=True)
class Hardware:
    """What set-ups can read out on this computer.

    Parameters
    ----------
    kinds
        The kinds of devices.
    found
        What is attached.
    """

    kinds: Sequence[DeviceKind]
    found: Sequence[Attached]

    def readers_of(self, found: Attached) -> list[str]:
        """Return the kinds of devices that something attached may be."""
        return [kind.name for kind in self.kinds if kind.found_as == found.kind]


def hardware() -> Hardware:
    """Return the kinds of devices of all installed packages, and what is attached.

    Loads the components; packages of drivers are looked for, not imported.
    """
    return Hardware(_kinds(), attached())


def _kinds() -> list[DeviceKind]:
    found = []
    for name, entry in offered("components").items():
        package = entry.dist.name if entry.dist else entry.value
        is_own = package == _OWN
        if is_own and not name.startswith("devices."):
            continue  # other sources, as replay
        try:
            function = load_function(offered_function(name))
        except MimocorbError as error:
            if name.startswith("devices."):
                found.append(DeviceKind(name, package, "", "", (str(error),)))
            continue
        about = about_device(function)
        if about is None and (is_own or kind_of(function) != "source"):
            continue
        summary = read_docstring(function.__doc__ or "").summary
        found.append(
            DeviceKind(name, package, about.found_as, summary, about.problems())
            if about is not None
            else DeviceKind(name, package, "", summary)
        )
    return found
