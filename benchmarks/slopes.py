"""How steeply something grows: slopes of logarithms, shown and drawn."""

import sys

import numpy as np

UNITS = {
    "images": "images",
    "categories": "categories",
    "n_seen": "categories seen transformed, of 400",
    "units": "neurons of the layer",
}
COLORS = {
    "data": ("#000000", "o"),
    "pipeline": ("#E69F00", "s"),
    "training": ("#0072B2", "^"),
    "evaluation": ("#009E73", "v"),
    "analysis": ("#CC79A7", "D"),
}


def slope(values, measured):
    """Computes the slope of logarithms over the largest two thirds of points.

    Args:
        values: Increasing positive numbers.
        measured: List of as many numbers; those that are not above 0 do not
            count.

    Returns:
        Float, by least squares; nan of less than two points.
    """
    number = max(2, round(len(values) * 2 / 3))
    points = np.array([values[-number:], measured[-number:]], float)
    points = points[:, points[1] > 0]
    if points.shape[1] < 2:
        return float("nan")
    return float(np.polyfit(*np.log(points), 1)[0])


def add(rows):
    """Adds slopes of time and of memory above idle to the rows of one axis.

    Args:
        rows: List of dictionaries: stage, value, seconds, peak_bytes and
            idle_bytes, increasing in value.
    """
    found = {}
    for stage in dict.fromkeys(row["stage"] for row in rows):
        values, seconds, memory = curve(rows, stage)
        found[stage] = {
            "seconds_slope": round(slope(values, seconds), 3),
            "memory_slope": round(slope(values, memory), 3),
        }
    return [{**row, **found[row["stage"]]} for row in rows]


def curve(rows, stage):
    """Returns values, seconds and bytes above idle of a stage."""
    of_stage = [row for row in rows if row["stage"] == stage]
    return (
        [row["value"] for row in of_stage],
        [row["seconds"] for row in of_stage],
        [row["peak_bytes"] - row["idle_bytes"] for row in of_stage],
    )


def show(rows):
    """Prints the slopes of all axes."""
    lines = dict.fromkeys(
        "{axis}: {stage}: slope of time {seconds_slope:.2f}, of memory above "
        "idle {memory_slope:.2f}\n".format(**row)
        for row in rows
    )
    sys.stdout.writelines(lines)


def draw(rows, path):
    """Draws time and memory above idle, a row of panels for each axis."""
    # Not before something is to be drawn: matplotlib takes its time.
    from matplotlib.figure import Figure

    from invariance_tf.drawing import save, style

    axes = [*dict.fromkeys(row["axis"] for row in rows)]
    with style.context():
        figure = Figure(figsize=(7.4, 2.2 * len(axes)))
        panels = figure.subplots(len(axes), 2, squeeze=False)
        for axis, pair in zip(axes, panels, strict=True):
            _draw_axis([row for row in rows if row["axis"] == axis], pair)
    save(figure, path, dpi=130)


def _draw_axis(rows, panels):
    """Draws the curves of one axis, with their slopes in the legends."""
    names = ("seconds_slope", "memory_slope")
    labels = ("time (s)", "memory above idle (MiB)")
    for index, panel in enumerate(panels):
        for stage, (color, marker) in COLORS.items():
            values, *curves = curve(rows, stage)
            if values:
                steep = next(
                    row[names[index]] for row in rows if row["stage"] == stage
                )
                panel.plot(
                    values,
                    np.array(curves[index]) / (1, 2**20)[index],
                    color=color,
                    marker=marker,
                    label=f"{stage} {steep:.2f}",
                )
        panel.set(
            xscale="log",
            yscale="log",
            xlabel=UNITS[rows[0]["axis"]],
            ylabel=labels[index],
        )
        panel.grid(True)
        panel.legend(title="slope", loc="upper left", bbox_to_anchor=(1, 1.05))
