"""The table of runs."""

import os
import urllib.parse

from invariance_tf.paper.report.headlines import is_missing

# Column, heading, and how its numbers are written; text where that is empty.
COLUMNS = (
    ("run", "run", ""),
    ("transform", "transformation", ""),
    ("n_seen", "seen", "d"),
    ("num_categories", "of", "d"),
    ("seed", "seed", "d"),
    ("within_accuracy", "within", ".3f"),
    ("across_accuracy", "across", ".3f"),
    ("clean_accuracy", "original", ".3f"),
    ("invariance_seen", "invariance, seen", ".3f"),
    ("invariance_unseen", "invariance, unseen", ".3f"),
    ("tau", "tau", ".2f"),
    ("network", "network", ""),
    ("data_name", "data set", ""),
    ("image_size", "pixels", "d"),
    ("epochs", "epochs", "d"),
    ("seconds", "seconds", ".0f"),
    ("evaluate_on", "tested by", ""),
    ("health", "health", ""),
    ("stands_for", "stands for", ""),
)


def describe_runs(runs, studies, left_out, report_dir):
    """Describes the runs for their table.

    Args:
        runs: A `tables.Runs`.
        studies: Dictionary from the name of a study to its `tables.Runs`.
        left_out: Dictionary from the names of runs to the reason.
        report_dir: Directory that links are relative to.

    Returns:
        Dictionary: columns, as `COLUMNS`; and rows, each a dictionary of
        link (`None` if the directory is not here) and cells: pairs of a
        value, `None` where it is missing, and how numbers are written.
    """
    stands_for = {run: f"none: {why}" for run, why in left_out.items()}
    for name, study in studies.items():
        stands_for |= dict.fromkeys(study.runs.run, name)
    rows = []
    for run in runs.runs.to_dict("records"):
        run["stands_for"] = stands_for.get(run["run"], "none")
        run["health"] = "at chance" if run["is_at_chance"] else ""
        values = ((run[column], form) for column, _, form in COLUMNS)
        cells = [
            (None if is_missing(value) else value, form)
            for value, form in values
        ]
        link = link_to(run["run_dir"], report_dir)
        rows.append({"link": link, "cells": cells})
    return {"columns": COLUMNS, "rows": rows}


def link_to(run_dir, report_dir):
    """Returns a relative link to a directory, `None` if it is not here.

    Example:

    >>> link_to("/nowhere/at/all", "/nowhere") is None
    True
    """
    if not os.path.isdir(run_dir):
        return None
    path = os.path.relpath(os.path.abspath(run_dir), report_dir)
    # Colons are encoded, too, so that no name can pass for a scheme.
    return urllib.parse.quote(os.fsencode(path.replace(os.sep, "/"))) + "/"
