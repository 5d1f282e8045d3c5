"""The commands by name."""

import difflib
import sys

import invariance_tf
from invariance_tf.commands import streams, terminal
from invariance_tf.commands.calibrate import calibrate_transform
from invariance_tf.commands.measure import measure_model
from invariance_tf.commands.paper import (
    collect_tables,
    draw_figures,
    write_report,
)
from invariance_tf.commands.prepare import prepare_dataset
from invariance_tf.commands.run import analyze_run, run_experiment
from invariance_tf.commands.search import search_settings
from invariance_tf.commands.sweep import run_sweep

COMMANDS = {
    "run": (run_experiment, "run one experiment"),
    "analyze": (analyze_run, "measure the neurons of a finished run again"),
    "measure": (measure_model, "measure any Keras model on any images"),
    "prepare": (prepare_dataset, "download the faces of FaceScrub"),
    "sweep": (run_sweep, "run all experiments of a sweep file"),
    "calibrate": (calibrate_transform, "find the strength of a transformation"),
    "search": (search_settings, "find learning rate and weight decay"),
    "figures": (draw_figures, "draw the paper's figures from finished runs"),
    "report": (write_report, "write one page about finished runs"),
    "collect": (collect_tables, "gather the tables of finished runs"),
}


def main(arguments=None, program="invariance-tf"):
    """Runs a command.

    Args:
        arguments: List of strings, the name of a command and its arguments;
            `None` means those of the program.
        program: String, how the program was called.

    Returns:
        Integer, the exit status.
    """
    with streams.lasting_streams() as output:
        status = _run_command(arguments, program)
        return terminal.check_output(output, status)


def _run_command(arguments, program):
    """Runs a command, or shows what there is; returns the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    name, *rest = arguments or ["--help"]
    if name in COMMANDS:
        function, _ = COMMANDS[name]
        return function(rest, f"{program} {name}")
    if name in ("-h", "--help"):
        _show_help(program)
        return 0
    if name == "--version":
        terminal.show_line(f"invariance_tf {invariance_tf.__version__}")
        return 0
    close = difflib.get_close_matches(name, COMMANDS, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    terminal.show_problem(
        f"error: Unknown command `{name}`.{hint} Commands: "
        f"{', '.join(COMMANDS)}"
    )
    return 2


def _show_help(program):
    """Shows the commands with one line each."""
    lines = (f"  {name:11}{text}\n" for name, (_, text) in COMMANDS.items())
    terminal.show_line(
        f"usage: {program} COMMAND ...\n\n"
        "Robustness to image transformations across categories.\n\n"
        f"commands:\n{''.join(lines)}\n"
        f"`{program} COMMAND --help` explains a command;\n"
        "--version shows the version."
    )
