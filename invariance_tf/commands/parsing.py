"""The arguments of commands, and mistakes in them in the user's terms."""

import argparse
import contextlib
import dataclasses
import inspect
import re
import sys
import typing

import jsonargparse
import yaml

from invariance_tf import foreign
from invariance_tf.settings import mistakes, shipped
from invariance_tf.settings.config import Experiment

# The settings of an experiment as `--help` shows them.
GROUPS = {
    "data": "dataset data_dir data_name image_size central_crop min_images "
    "max_images categories_file num_categories num_train num_test data_seed "
    "stream crops splits near_copies",
    "paradigm": "transform transform_args n_seen seen_sets category_seed "
    "paradigm sampling evaluate_on test_args test_strengths test_on",
    "network": "network network_args",
    "training": "epochs batch_size learning_rate schedule momentum "
    "weight_decay validation_fraction if_not_learning",
    "neurons": "analysis tau ablate_layer activity layer_measures",
    "run": "seed deterministic devices precision runs_dir",
}
SETTINGS = tuple(field.name for field in dataclasses.fields(Experiment))


class Arguments:
    """Holds the arguments that a command takes.

    Args:
        options: A dataclass. Its docstring is the command's help, and its
            `Args` are those of the options. A boolean is a flag, a list takes
            several values, and one without a default must be given.
        program: String, the program's name in messages, or `None`.
        positional: String, name of the option given without a flag, if any.
        settings: Names of the settings of an experiment that are options too;
            all of them can be read from a file, by `--config`.
        examples: String, the last lines of the help.
        groups: Dictionary from titles of the help to names of options.
    """

    def __init__(
        self,
        options,
        program,
        positional="",
        settings=(),
        examples=None,
        groups=(),
    ):
        self._options = options
        read = _read_options(options)
        description, *_ = inspect.getdoc(options).partition("\n\nArgs:")
        self.parser = jsonargparse.ArgumentParser(
            prog=program,
            usage=_write_usage(read, positional),
            description=description,
            epilog=examples,
            formatter_class=_HelpFormatter,
            exit_on_error=False,
        )
        hints = typing.get_type_hints(Experiment)
        self._types = {name: hints[name] for name in settings}
        places = {}
        for title, group_names in dict(groups).items():
            group = self.parser.add_argument_group(title)
            places |= dict.fromkeys(group_names.split(), group)
        for name, keywords in read.items():
            self._types[name] = keywords.get("type", bool)
            if name == positional:
                del keywords["required"]
                self.parser.add_argument(name, **keywords)
            else:
                place = places.get(name, self.parser)
                place.add_argument(f"--{name}", **keywords)
        if {*settings} == {*SETTINGS}:
            self.parser.add_argument(
                "--config", action=shipped.ConfigFile, help=shipped.HELP
            )
        for title, names in GROUPS.items():
            skipped = {*SETTINGS} - ({*names.split()} & {*settings})
            if skipped == {*SETTINGS}:
                continue
            group = self.parser.add_argument_group(title)
            group.add_class_arguments(
                Experiment, as_group=False, skip=skipped | {*LISTS}
            )
            for name in {*LISTS} - skipped:
                # A class's arguments cannot take several values.
                self._types[name] = LISTS[name]["type"]
                group.add_argument(f"--{name}", **LISTS[name])

    def parse(self, arguments, defaults=True):
        """Parses arguments.

        Args:
            arguments: List of strings, or `None` for those of the program.
            defaults: Whether settings that are not given are returned too.

        Returns:
            Tuple of an instance of the options and a dictionary of settings.

        Raises:
            ValueError: If there is a mistake in them.
        """
        try:
            self._check_yaml(sys.argv[1:] if arguments is None else arguments)
            found = self.parser.parse_args(arguments, defaults=defaults)
        except (
            jsonargparse.ArgumentError,
            yaml.YAMLError,
            ValueError,
            OverflowError,
            OSError,
        ) as error:
            message = str(error)
            if isinstance(error, OSError | UnicodeError | yaml.YAMLError):
                message = mistakes.one_line(error)
            message = mistakes.reword(message, self._types)
            raise ValueError(message) from error
        found = found.as_dict()
        names = {field.name for field in dataclasses.fields(self._options)}
        settings = {name: found[name] for name in SETTINGS if name in found}
        options = {name: found[name] for name in names if name in found}
        return self._options(**options), settings

    def _check_yaml(self, arguments):
        """Raises unless what is read as YAML, every argument, can be."""
        is_text = True
        for argument in arguments:
            value = argument
            if argument.startswith("--"):
                option, _, value = argument[2:].partition("=")
                # It can be the start of a name, and --config is none of them.
                hints = [
                    hint
                    for name, hint in self._types.items()
                    if name.startswith(option.partition(".")[0])
                ]
                is_text = not hints or any(
                    hint in (str, bool) or str in typing.get_args(hint)
                    for hint in hints
                )
            # Not every argument is YAML.
            with contextlib.suppress(yaml.YAMLError, UnicodeEncodeError):
                foreign.check_yaml(value, is_text=is_text)


class _HelpFormatter(
    argparse.RawDescriptionHelpFormatter, jsonargparse.DefaultHelpFormatter
):
    """Keeps the lines of examples, and leaves out what only Python needs."""

    def _get_type_str(self, action):
        return None

    def _get_help_string(self, action):
        is_flag = action.const is True
        return action.help if is_flag else super()._get_help_string(action)


def _write_usage(read, positional):
    """Writes a usage line, with the options that must be given."""
    required = [
        f"--{name} {name.upper()}"
        for name, keywords in read.items()
        if "required" in keywords and name != positional
    ]
    words = ["%(prog)s", *positional.split(), *required]
    return " ".join([*words, "[--OPTION VALUE ...]"])


def _read_options(options):
    """Returns the arguments of `add_argument` for each field of a dataclass.

    Example:

    >>> _read_options(Experiment)["batch_size"]
    {'help': 'Images per training step.', 'type': <class 'int'>, 'default': 32}
    """
    helps = {}
    for each in inspect.getmro(options):
        *_, described = inspect.getdoc(each).partition("\n\nArgs:")
        found = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", described, re.M)
        helps = {name: " ".join(text.split()) for name, text in found} | helps
    read = {}
    for name, hint in typing.get_type_hints(options).items():
        read[name] = keywords = {"help": helps[name]}
        is_list = typing.get_origin(hint) is list
        default = getattr(options, name, dataclasses.MISSING)
        if hint is bool:
            keywords["action"] = "store_true"
            continue
        (keywords["type"],) = typing.get_args(hint) if is_list else (hint,)
        if is_list:
            keywords["nargs"] = "+"
        if default is dataclasses.MISSING:
            keywords["required"] = True
        else:
            is_values = isinstance(default, tuple)
            keywords["default"] = [*default] if is_values else default
    return read


# The settings of an experiment that take several values.
LISTS = {
    name: keywords
    for name, keywords in _read_options(Experiment).items()
    if "nargs" in keywords
}
