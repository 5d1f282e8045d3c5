"""Finds the config files that come with the package."""

import os
import pathlib

import jsonargparse

from invariance_tf import foreign
from invariance_tf.settings import names

HELP = (
    "YAML file with settings, or the name of a config of the package, such as "
    "synthfaces."
)


# What a run writes beside its config.yaml: whichever is left is a sign of one.
_OF_A_RUN = (
    *("summary.json", "provenance.json", "model.keras"),
    "checkpoint.npz",
)


def configs_dir():
    """Returns the path of the directory of the config files.

    It is at the top of a checkout, but inside of an installed package.
    """
    package = pathlib.Path(__file__).parents[1]
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


def find_config(name, is_sweep=False):
    """Finds a config file by its path or its name.

    Args:
        name: String, the path of a file or, if there is none, the name of a
            config of the package, with or without `.yaml`.
        is_sweep: Whether it is a sweep file instead of a config.

    Returns:
        String, the path of the file.

    Raises:
        FileNotFoundError: If there is neither.

    Example:

    >>> find_config("synthfaces")
    '...configs/synthfaces.yaml'
    >>> find_config("quick.yaml", is_sweep=True)
    '...configs/sweeps/quick.yaml'
    """
    # Not isfile: the shell makes `--config <(...)` a pipe.
    if os.path.exists(name) and not os.path.isdir(name):
        return name
    directory = configs_dir() / "sweeps" if is_sweep else configs_dir()
    shipped = {path.stem: path for path in sorted(directory.glob("*.yaml"))}
    if name.removesuffix(".yaml") in shipped:
        return str(shipped[name.removesuffix(".yaml")])
    kind = "sweep" if is_sweep else "config"
    raise FileNotFoundError(
        f"Unknown {kind} file. Legal: a path, or the name of a file that comes "
        f"with the package: {', '.join(shipped)}. Received: {name}"
    )


class ConfigFile(jsonargparse.ActionConfigFile):
    """Reads settings from a config file, as the action of an argument."""

    def __call__(self, parser, settings, value, option_string=None):
        """Adds the settings of the file."""
        path = find_config(value)
        text = pathlib.Path(path).read_text("utf-8")
        check_config(foreign.read_yaml(text), path)
        # A pipe can be read only once.
        source = path if os.path.isfile(path) else text
        super().__call__(parser, settings, source, option_string)


def check_config(content, path):
    """Raises unless the content of a config file can be settings.

    Args:
        content: What `foreign.read_yaml` returned.
        path: Path of the file.

    Raises:
        ValueError: If it cannot, or if it names modules and lies in a run
            directory, which may be someone else's.
    """
    is_mapping = isinstance(content, dict)
    if content and (not is_mapping or {"base", "grid", "config"} & {*content}):
        raise ValueError(
            "A config file has a line for each setting, with one value. "
            f"Received: {[*content] if is_mapping else content}"
        )
    directory = os.path.dirname(path)
    if content and any(
        os.path.exists(os.path.join(directory, name)) for name in _OF_A_RUN
    ):
        remedy = "copy it to another directory, and use the copy"
        names.check_origin(content, "The config file of a run", remedy)
