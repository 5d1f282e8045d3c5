"""Finds the config files that come with the package."""

import os
import pathlib

import jsonargparse
import yaml

from invariance_tf.settings import names

HELP = (
    "YAML file with settings, or the name of a config of the package, such as "
    "synthfaces."
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
        directory = os.path.dirname(path)
        if os.path.exists(os.path.join(directory, "provenance.json")):
            # A run directory may be someone else's.
            with open(path, encoding="utf-8") as file:
                settings_of_run = yaml.safe_load(file)
            names.check_origin(
                settings_of_run, path, "copy it, and use the copy"
            )
        super().__call__(parser, settings, path, option_string)
