"""Runs a measurement by its name, or lists them all."""

import ast
import pathlib
import runpy
import sys


def find_measurements():
    """Returns the first line of what each measurement is for, by its name."""
    found = {}
    for path in sorted(pathlib.Path(__file__).parent.glob("[a-z]*.py")):
        text = path.read_text(encoding="utf-8")
        line = ast.get_docstring(ast.parse(text)).partition("\n")[0]
        # Parts of other measurements say so.
        if "__main__" in text and "run by `" not in line:
            found[path.stem] = line
    return found


def main():
    """Runs `python -m benchmarks NAME` as `python -m benchmarks.NAME`."""
    known = find_measurements()
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in known:
        sys.argv[:2] = [f"benchmarks {name}"]
        runpy.run_module(f"benchmarks.{name}", run_name="__main__")
        return 0
    if name in ("-h", "--help"):
        sys.stdout.write(
            "python -m benchmarks NAME [options]; NAME --help shows them.\n\n"
        )
        sys.stdout.writelines(f"  {x:16} {known[x]}\n" for x in known)
        return 0
    sys.stderr.write(
        f"Unknown measurement. Legal names: {', '.join(known)}. "
        f"Received: {name}\n"
    )
    return 2


if __name__ == "__main__":
    sys.exit(main())
