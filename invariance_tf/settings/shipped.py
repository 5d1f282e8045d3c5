"""The config files that come with the package, by name."""

import os
import pathlib

import jsonargparse

HELP = (
    "YAML file with settings, or the name of one that comes with the package, "
    "such as synthfaces."
)


def configs_dir():
    """Returns the path of the directory of the config files.

    It stands at the top of a checkout, and in the package once this is
    installed.
    """
    package = pathlib.Path(__file__).parents[1]
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


def find_config(name, is_sweep=False):
    """Finds a config file by its path or by the name of one that is shipped.

    Args:
        name: String. The path of a file, which comes first, or the name of a
            shipped one, with or without `.yaml`.
        is_sweep: Whether it is a sweep file and not an experiment.

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
    # Also a pipe, such as that of `--config <(...)`.
    if os.path.exists(name) and not os.path.isdir(name):
        return name
    directory = configs_dir() / "sweeps" if is_sweep else configs_dir()
    shipped = {path.stem: path for path in sorted(directory.glob("*.yaml"))}
    if name.removesuffix(".yaml") in shipped:
        return str(shipped[name.removesuffix(".yaml")])
    kind = "sweep" if is_sweep else "config"
    raise FileNotFoundError(
        f"There is no such {kind} file. Legal: the path of a file, or a name "
        f"of those that come with the package: {', '.join(shipped)}. "
        f"Received: {name}"
    )


class ConfigFile(jsonargparse.ActionConfigFile):
    """Reads settings from a file that `find_config` finds.

    To be used as the `action` of a parser's argument.
    """

    def __call__(self, parser, settings, value, option_string=None):
        """Adds what the file says to the settings."""
        path = find_config(value)
        super().__call__(parser, settings, path, option_string)
