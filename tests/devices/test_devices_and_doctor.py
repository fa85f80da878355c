"""What `mimocorb devices` and `mimocorb doctor` find, and what they say is to be done."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import types
from pathlib import Path

import pytest

from mimocorb.checks import devices as kinds_of
from mimocorb.checks.attached import attached
from mimocorb.checks.doctor import examine_machine
from mimocorb.cli import main
from mimocorb.components.form import filter as filter_
from mimocorb.components.form import source
from mimocorb.devices.about import DeviceAbout, device


def mimocorb(*arguments, **more):
    command = [sys.executable, "-m", "mimocorb.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")


PICO = "sys/devices/usb1/1-2"


@pytest.fixture
def machine(tmp_path):
    """Return the root of a computer with a Pico, two oscilloscopes, pins and a sound card."""
    write(
        tmp_path,
        {
            **{f"{PICO}/idVendor": "2e8a", f"{PICO}/idProduct": "0005"},
            **{f"{PICO}/product": "Pico", f"{PICO}/manufacturer": "MicroPython"},
            **{f"{PICO}/serial": "E661", f"{PICO}/1-2:1.0/tty/ttyACM0/dev": "166:0"},
            "sys/class/tty/ttyS0/type": "4",
            "sys/class/tty/ttyS1/type": "0",
            "sys/class/tty/tty1/dev": "4:1",
            **{f"sys/bus/usb/devices/1-3/{key}": value for key, value in PICOSCOPE.items()},
            **{f"sys/bus/usb/devices/1-4/{key}": value for key, value in RIGOL.items()},
            **{f"sys/bus/usb/devices/1-5/{key}": value for key, value in MOUSE.items()},
            "sys/bus/gpio/devices/gpiochip0/label": "pinctrl-bcm2711",
            "proc/asound/pcm": "00-00: HDMI : HDMI : playback 1\n01-00: USB Audio : x : capture 1",
            **{f"dev/{node}": "" for node in ("ttyACM0", "ttyS0", "gpiochip0", "snd/pcmC1D0c")},
        },
    )
    (tmp_path / "sys/class/tty/ttyACM0").mkdir(parents=True)
    (tmp_path / "sys/class/tty/ttyACM0/device").symlink_to(tmp_path / PICO / "1-2:1.0")
    for port in ("ttyS0", "ttyS1"):
        (tmp_path / f"sys/class/tty/{port}/device").mkdir()
    return tmp_path


PICOSCOPE = {"idVendor": "0ce9", "idProduct": "1018", "busnum": "1", "devnum": "5"}
RIGOL = {
    **{"idVendor": "1ab1", "idProduct": "04ce", "busnum": "1", "devnum": "6"},
    **{"manufacturer": "Rigol", "product": "DS1054Z"},
    **{"1-4:1.0/bInterfaceClass": "fe", "1-4:1.0/bInterfaceSubClass": "03"},
}
MOUSE = {"idVendor": "046d", "idProduct": "c077", "busnum": "1", "devnum": "7"}


def test_what_is_attached_is_found_and_what_is_none_of_our_business_is_not(machine):
    found = {(each.kind, each.place): each.what for each in attached(machine, lambda _node: True)}
    assert found == {
        ("serial", "/dev/ttyACM0"): "2e8a:0005 MicroPython Pico, serial number E661",
        ("serial", "/dev/ttyS0"): "on the board",
        ("usb", "USB bus 1 device 5"): "0ce9:1018 Pico Technology",
        ("visa", "USB bus 1 device 6"): "1ab1:04ce Rigol DS1054Z",
        ("gpio", "/dev/gpiochip0"): "pinctrl-bcm2711",
        ("sound", "hw:1,0"): "USB Audio",
    }
    assert not any(each.remedy for each in attached(machine, lambda _node: True))


def test_what_may_not_be_used_is_told_with_the_group_or_the_udev_rule(machine, monkeypatch):
    monkeypatch.setattr(Path, "group", lambda _path: "dialout")
    remedies = {each.place: each.remedy for each in attached(machine, lambda _node: False)}
    assert "sudo usermod -aG dialout $USER" in remedies["/dev/ttyACM0"]
    assert 'ATTR{idVendor}=="0ce9"' in remedies["USB bus 1 device 5"]
    assert all(remedies.values())


def test_a_computer_without_anything_is_no_fault(tmp_path):
    assert attached(tmp_path) == []


def test_packages_and_libraries_that_are_missing_are_told_with_the_remedy():
    about = DeviceAbout(("no_such_driver",), "serial", libraries={"nosuchlib": "apt install it"})
    assert about.problems() == [
        "no_such_driver is not installed: pip install 'mimocorb[serial]'",
        "the library nosuchlib is not installed: apt install it",
    ]
    assert DeviceAbout(("json",)).problems() == []


def test_devices_lists_the_kinds_and_json_has_the_same():
    shown, as_json = mimocorb("devices"), mimocorb("devices", "--json")
    assert (shown.returncode, as_json.returncode) == (0, 0), shown.stderr + as_json.stderr
    told = json.loads(as_json.stdout)
    kinds = {kind["name"]: kind for kind in told["kinds"]}
    assert {"devices.lines", "devices.command", "devices.cosmic_watch"} <= kinds.keys()
    assert "replay" not in kinds, "it reads no device"
    for name, kind in kinds.items():
        assert name in shown.stdout
        assert kind["summary"], name


@pytest.fixture
def packages(monkeypatch):
    """Let there be a package of others with a device, a plain source and a filter."""

    @device(needs=("no_such_driver",), found_as="usb")
    @source
    def digitizer():
        """Read the digitizer of our workshop."""
        yield 0

    @source
    def pulser():
        """Read a pulser."""
        yield 0

    @filter_
    def passes(_event):
        return True

    offered = {"digitizer": digitizer, "pulser": pulser, "passes": passes}
    entry = types.SimpleNamespace(dist=types.SimpleNamespace(name="lab-devices"))
    monkeypatch.setattr(kinds_of, "offered", lambda _group: dict.fromkeys(offered, entry))
    monkeypatch.setattr(kinds_of, "load_function", lambda reference: offered[reference.name])


def test_devices_of_other_packages_are_listed_with_what_is_missing(packages, capsys):
    assert main(["devices"]) == 0
    shown = capsys.readouterr().out
    assert "Read the digitizer of our workshop. (package lab-devices)" in shown
    assert "digitizer: no_such_driver is not installed: pip install no_such_driver" in shown
    assert "pulser" in shown
    assert "passes" not in shown, "it is no source"


def states(found):
    return {each.what: each.state for each in found}


def test_a_good_computer_has_nothing_to_do(tmp_path):
    folder = "sys/devices/system"
    write(
        tmp_path,
        {
            f"{folder}/clocksource/clocksource0/current_clocksource": "tsc",
            f"{folder}/cpu/cpu0/cpufreq/scaling_governor": "performance",
        },
    )
    found = examine_machine(tmp_path, tmp_path)
    known = states(found)
    assert known["clock source"] == known["processor speed"] == known["disk"] == "good"
    assert all(each.remedy for each in found if each.state == "bad")


def test_a_slow_clock_and_a_saving_processor_are_told_with_the_command(tmp_path):
    folder = "sys/devices/system"
    clock = f"{folder}/clocksource/clocksource0"
    write(
        tmp_path,
        {
            f"{clock}/current_clocksource": "hpet",
            f"{clock}/available_clocksource": "hpet tsc acpi_pm",
            **{f"{folder}/cpu/cpu{n}/cpufreq/scaling_governor": "powersave" for n in (0, 1)},
        },
    )
    found = {each.what: each for each in examine_machine(tmp_path, tmp_path)}
    assert found["clock source"].state == found["processor speed"].state == "note"
    assert "echo tsc | sudo tee" in found["clock source"].remedy
    assert "powersave on 2 cores" in found["processor speed"].found
    assert "cpupower" in found["processor speed"].remedy


def test_the_exit_code_says_whether_something_stands_in_the_way(tmp_path):
    def few_files():
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))

    good = mimocorb("doctor", "--json", str(tmp_path))
    bad = mimocorb("doctor", str(tmp_path), preexec_fn=few_files)
    nowhere = mimocorb("doctor", str(tmp_path / "nowhere"))
    found = json.loads(good.stdout)
    assert good.returncode == any(each["state"] == "bad" for each in found)
    assert bad.returncode == 1
    assert "ulimit -n" in bad.stdout
    assert nowhere.returncode == 1
    assert "No such file or directory" in nowhere.stdout
