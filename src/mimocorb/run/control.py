"""Whole set-ups under the documented names; both classes are thin over one supervisor."""

from __future__ import annotations

import atexit
import sys
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from mimocorb._texts import say
from mimocorb._words import how_many
from mimocorb.buffers.new_buffer import NewBuffer
from mimocorb.checks.examination import warnings_of
from mimocorb.compat.manual.buffers import StatusBuffer
from mimocorb.errors import HandleMisuse, RunFailed, SetupError, UserFunctionError
from mimocorb.run.findings import ORIGIN
from mimocorb.run.options import RunOptions, SupervisorOptions
from mimocorb.run.record.run_directory import copied_code, copy_configuration
from mimocorb.run.record.summary import RunSummary
from mimocorb.run.remote.server import ControlServer
from mimocorb.run.run import Run
from mimocorb.run.run_log import RunLog
from mimocorb.run.run_state import Command
from mimocorb.run.screen.terminal import PlainLines
from mimocorb.run.supervision.supervisor import Supervisor
from mimocorb.run.workers.standard_streams import open_missing_streams
from mimocorb.setup.dialects import read_setup, setup_from_dicts
from mimocorb.setup.graph import Graph
from mimocorb.setup.text.setup_file import plain, read_file
from mimocorb.setup.user_code.user_functions import load_function, locate

__all__ = ["buffer_control", "run_mimoDAQ"]


class buffer_control:  # noqa: N801 - the documented name
    """Set up and manage ring buffers and the sub-processes that work with them.

    For programs that steer a run themselves; :class:`run_mimoDAQ` and the command line do more.
    Call :meth:`setup_buffers`, :meth:`setup_workers` and :meth:`start_workers`, and at the end
    :meth:`shutdown`. In between, a thread of this object watches the workers.

    Parameters
    ----------
    buffers_dict
        The list under ``RingBuffer`` of a set-up file.
    functions_dict
        The list under ``Functions``.
    output_directory
        Where configuration files are copied to and workers write their output; made if needed.
    function_config_dict
        What stands under ``FunctionConfigs``: configuration by name of the function. Release
        1.0.2 has it before `output_directory`; that order is understood as well.

    Raises
    ------
    SetupError
        The set-up has errors; the message lists all of them.
    """

    def __init__(
        self,
        buffers_dict: Sequence[Mapping[str, Any]],
        functions_dict: Sequence[Mapping[str, Any]],
        output_directory: str | Path | Mapping[str, Any],
        function_config_dict: Mapping[str, Any] | str | Path | None = None,
    ) -> None:
        if isinstance(output_directory, Mapping):
            output_directory, function_config_dict = function_config_dict, output_directory  # type: ignore[assignment]
        if not isinstance(output_directory, str | Path):
            raise SetupError(f"output_directory must be a path, found {output_directory!r}")
        if not isinstance(function_config_dict, Mapping | None):
            raise SetupError(f"function_config_dict is a mapping, found {function_config_dict!r}")
        self.setup = setup_from_dicts(
            buffers_dict, functions_dict, output_directory, function_configs=function_config_dict
        )
        notes = warnings_of(self.setup)
        self.output_directory = Path(output_directory).absolute()
        self.runtime: float = self.setup.runtime_s or 0
        limit = self.setup.runevents
        self.runevents: int = limit if isinstance(limit, int) else 0
        open_missing_streams()
        self._log = RunLog()
        for problem in notes:
            self._log.add("WARNING", ORIGIN, str(problem))
        self._supervisor = Supervisor(self.setup, self._log)
        PlainLines(sys.stdout, self._supervisor.view, self._log).start()
        self._control: ControlServer | None = None
        self._watcher: threading.Thread | None = None

    @property
    def status(self) -> str:
        """What the run is doing, in a word such as "running", "paused" or "ended"."""
        return self._supervisor.state.value

    @property
    def ringbuffers(self) -> dict[str, NewBuffer]:
        """The buffers by name."""
        return self._supervisor.buffers

    @staticmethod
    def get_config(config_file: str | Path) -> dict[str, Any]:
        """Return the content of a YAML file.

        Parameters
        ----------
        config_file
            Named in the main set-up file under the key ``config_file``.

        Raises
        ------
        SetupError
            It cannot be read, or is not a mapping.
        """
        node, problems = read_file(Path(config_file).absolute(), str(config_file))
        if node is None or problems:
            raise SetupError("\n".join(str(problem) for problem in problems))
        content = plain(node)
        if not isinstance(content, dict):
            raise SetupError(f"{config_file} must hold a mapping, found {type(content).__name__}")
        return content

    @staticmethod
    def import_function(module_path: str, function_name: str) -> Any:
        """Return a function or class from a module named as in a set-up file.

        Parameters
        ----------
        module_path
            Python file relative to the working directory, with or without ``.py``, or a module of
            mimocorb such as ``mimocorb/plot``.
        function_name
            Name of the function or class in it.

        Returns
        -------
        callable or None
            None if the module cannot be imported or has nothing callable of this name.
        """
        try:
            return load_function(locate(module_path, function_name, Path.cwd()))
        except UserFunctionError:
            return None

    def setup_buffers(self) -> dict[str, NewBuffer]:
        """Create the ring buffers; returns them by name."""
        return self._supervisor.create_buffers(StatusBuffer)

    def setup_workers(self) -> None:
        """Set up all the parallel worker functions and copy their configuration."""
        self._supervisor.prepare_workers()
        self.output_directory.mkdir(parents=True, exist_ok=True)
        copies = copy_configuration(self.output_directory, self.setup)
        self._code = copied_code(self.output_directory, copies)

    def start_workers(self) -> list[BaseProcess]:
        """Start all processes in reverse data-flow order; returns them in this order."""
        processes = self._supervisor.start(self.output_directory, code=self._code)
        self._control = ControlServer(self._supervisor, self.output_directory)
        self._watcher = threading.Thread(target=self._watch, name="mimocorb", daemon=True)
        self._watcher.start()
        # Without this, Python would wait at its exit for workers that are not told to end.
        atexit.register(self._end_with_program)
        return processes

    def pause(self) -> None:
        """Pause data acquisition: no writer of a source buffer gets a slot."""
        self._supervisor.post(Command.PAUSE)

    def resume(self) -> None:
        """Go on with data acquisition after a pause."""
        self._supervisor.post(Command.RESUME)

    def stop(self) -> None:
        """Take no more data; what has been taken is processed."""
        self._supervisor.post(Command.STOP)

    def shutdown(self) -> None:
        """Stop, wait until all events are processed and all workers have ended, free the memory.

        Raises
        ------
        RunFailed
            A worker has failed, or not every event was processed. All is released nevertheless.
        """
        self.stop()
        if self._watcher is not None:
            self._watcher.join()
        self._supervisor.close()
        atexit.unregister(self._end_with_program)
        if self._supervisor.findings.failures:
            raise RunFailed("; ".join(self._supervisor.findings.failures))

    def display_layout(self) -> None:
        """Print the list of buffers."""
        print("List of buffers")
        for spec in self.setup.buffers:
            slots = how_many(spec.slot_count, "slot")
            most = "up to " if spec.variable else ""
            print(f"  {spec.name}: {slots} of {most}{how_many(spec.data_length, 'value')}")

    def display_functions(self) -> None:
        """Print the list of functions and their buffers."""
        print("List of functions")
        for spec in self.setup.workers:
            roles = ", ".join(f"{name} {role}" for name, role in spec.roles.items())
            print(f"  {spec.name}: {spec.function.name} ({spec.number_of_processes}), {roles}")

    def _end_with_program(self) -> None:
        """End a run whose program ends without :meth:`shutdown`: by an error, or by Ctrl-C."""
        say("mimocorb: the program ends without shutdown(); processing what was taken", sys.stderr)
        try:
            try:
                self.shutdown()
            except KeyboardInterrupt:
                self._supervisor.post(Command.END)
                self.shutdown()
        except RunFailed as error:
            say(f"mimocorb: {error}", sys.stderr)

    def _watch(self) -> None:
        control = self._control
        assert control is not None
        while not self._supervisor.ended:
            self._supervisor.turn(control.next_look_s())
            control.update()
        control.close()


def _first_argument() -> str:
    """Return the first argument of the program, which names the set-up file."""
    if len(sys.argv) < 2:
        raise SetupError("run_mimoDAQ needs a set-up file: name it, or give it to the program")
    return sys.argv[1]


class run_mimoDAQ:  # noqa: N801 - the name of later releases
    """Set up and run a whole data acquisition from a set-up file, as the command line does.

    The run ends when the source is exhausted, when the run time or the number of events is
    reached, or on request from the keyboard.

    Parameters
    ----------
    setup_filename
        The set-up file, in any dialect. Without it, the first argument of the program, as in
        releases 1.0.0 and 1.0.1, whose only argument is `verbose`.
    verbose
        0: print nothing but the summary; 1: plain lines; 2: live view on a terminal.
    debug
        Log DEBUG messages of the workers as well.

    Raises
    ------
    SetupError
        The set-up has errors; the message lists all of them.
    """

    def __init__(
        self, setup_filename: str | Path | int | None = None, verbose: int = 2, debug: bool = False
    ) -> None:
        if isinstance(setup_filename, int):
            verbose = setup_filename
        self.verbose = verbose
        options = RunOptions(verbose=verbose, supervisor=SupervisorOptions(debug=debug))
        named = setup_filename if isinstance(setup_filename, str | Path) else _first_argument()
        self._run = Run(read_setup(named), options)

    @property
    def directory(self) -> Path:
        """The directory of the run, there after :meth:`setup`."""
        if self._run.directory is None:
            raise HandleMisuse("the run has no directory yet: call setup() first")
        return self._run.directory

    def setup(self) -> None:
        """Make the directory of the run and the buffers."""
        self._run.prepare()
        if self.verbose > 0:
            say(Graph(self._run.setup).text(), sys.stdout)

    def run(self) -> RunSummary:
        """Take data until the run ends; returns and prints the summary.

        Raises
        ------
        RunFailed
            A worker has failed, or not every event was processed.
        """
        try:
            self._run.execute()
            summary = self._run.finish()
        finally:
            self.end()
        say(summary.page(), sys.stdout)
        summary.raise_for_failures()
        return summary

    def end(self) -> None:
        """Release everything; called by :meth:`run` as well. Idempotent."""
        self._run.close()
