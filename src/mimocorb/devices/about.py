"""What a device is besides a source: the packages that it needs, and where it is found.

The author of a device writes it above the source::

    @device(needs=("serial",), extra="serial", found_as="serial", check=_check)
    @source
    def my_counter(*, port: str, gate_s: float = 1.0): ...

`mimocorb devices` lists it with what is missing for it, and `mimocorb check` refuses what `check`
refuses. Nothing is imported for that.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from ctypes.util import find_library
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal, TypeVar

from mimocorb.errors import SetupError

__all__ = ["DeviceAbout", "FoundAs", "about_device", "device", "import_driver"]

FoundAs = Literal["serial", "usb", "gpio", "sound", "visa", "network", "program", ""]
"""Where devices of a kind show up on a computer."""

_ABOUT = "__mimocorb_device__"

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class DeviceAbout:
    """What is known of a kind of device without asking one.

    Parameters
    ----------
    needs
        Packages to import, as Python calls them.
    extra
        The extra of mimocorb that installs them; empty: they are installed by their own names.
    found_as
        Where such devices show up on a computer.
    libraries
        Libraries of the system or of the vendor, each with how it is installed. Of several names
        with ``|`` between them, one is enough.
    """

    needs: tuple[str, ...] = ()
    extra: str = ""
    found_as: FoundAs = ""
    libraries: Mapping[str, str] = field(default_factory=dict)

    @property
    def missing(self) -> tuple[str, ...]:
        """The packages that are not installed; imports nothing."""
        return tuple(name for name in self.needs if find_spec(name) is None)

    def problems(self) -> list[str]:
        """Return what is missing, each with its remedy; imports nothing."""
        packages = " and ".join(self.missing)
        verb = "is" if len(self.missing) == 1 else "are"
        found = [f"{packages} {verb} not installed: {self.hint}"] if self.missing else []
        return found + [
            f"the library {name.replace('|', ' or ')} is not installed: {remedy}"
            for name, remedy in self.libraries.items()
            if not any(find_library(each) for each in name.split("|"))
        ]

    @property
    def hint(self) -> str:
        """How what is needed is installed."""
        what = f"'mimocorb[{self.extra}]'" if self.extra else " ".join(self.needs)
        return f"pip install {what}"


def device(
    *,
    needs: tuple[str, ...] = (),
    extra: str = "",
    found_as: FoundAs = "",
    libraries: Mapping[str, str] | None = None,
    check: Callable[..., None] | None = None,
    reports: tuple[str, ...] = (),
) -> Callable[[Function], Function]:
    """Mark a source as one that reads a device.

    Parameters
    ----------
    needs, extra, found_as, libraries
        See :class:`~mimocorb.devices.about.DeviceAbout`.
    check
        Called with the buffer (``name``, ``dtype``, ``values_per_slot``) and the whole
        configuration, defaults included, by ``mimocorb check`` and before a run; raises a
        SetupError for settings that are not possible.
    reports
        Names of the results that the source reports, see :func:`mimocorb.report`.
    """
    about = DeviceAbout(needs, extra, found_as, libraries or {})

    def mark(function: Function) -> Function:
        parameters = inspect.signature(function).parameters.values()
        defaults = {p.name: p.default for p in parameters if p.default is not p.empty}

        def look(buffer: Mapping[str, Any], **config: Any) -> None:
            if problems := about.problems():
                raise SetupError(f"{function.__name__}: {'; '.join(problems)}")
            if check is not None:
                check(buffer, **{**defaults, **config})

        setattr(function, _ABOUT, about)
        setattr(function, "check", look)  # noqa: B010 - functions have no such attribute
        if reports:
            setattr(function, "reports", lambda **_config: reports)  # noqa: B010
        return function

    return mark


def about_device(function: Any) -> DeviceAbout | None:
    """Return what is known of the device that a source reads; None if it is not marked as one."""
    about = getattr(function, _ABOUT, None)
    return about if isinstance(about, DeviceAbout) else None


def import_driver(name: str, extra: str) -> Any:
    """Return the package of a driver; a SetupError says how to install it.

    A package may be there and yet fail, for want of a library of the system; its message is kept.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        hint = DeviceAbout((name,), extra).hint
        raise SetupError(f"{name} is not installed: {hint} ({error})") from error
    except (ImportError, OSError) as error:
        raise SetupError(f"the package {name} cannot be used: {error}") from error
