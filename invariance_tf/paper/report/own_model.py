"""One self-contained HTML page about a model of the user's."""

import os

from invariance_tf import files
from invariance_tf.drawing.measurement import describe_measure
from invariance_tf.paper.report import origins, pictures, rendering

_CAPTIONS = {
    "neurons.png": (
        "Invariance of single neurons",
        "Violins: the neurons of a layer that are active for any image. White "
        "dot: median; bar: quartiles; line across: mean. Broken and dotted "
        "lines: the controls.",
    ),
    "layers.png": (
        "Layers",
        "Means over neurons, with the interval over neurons, and measures of "
        "whole layers, with the 95 % interval over images. Dotted: the "
        "control.",
    ),
}


def write_page(path, record, layers, figures):
    """Writes the page of a measurement, atomically.

    Args:
        path: Path of the HTML file.
        record: Dictionary: settings, layers, images and environment, see
            `commands.measure`.
        layers: DataFrame with a row for each condition, layer and measure:
            condition, layer, num_neurons, num_never_active, measure, value,
            control, low and high.
        figures: Dictionary from names of files to matplotlib figures.
    """
    page = rendering.render_template(
        "own_model.html.jinja",
        model=os.path.basename(record["settings"]["model"]),
        record=record,
        settings=_describe_settings(record),
        neurons=_list_neurons(layers),
        whole=_list_whole(layers),
        conditions=[*layers.condition.unique()],
        figures=[
            (name, *_CAPTIONS[name], pictures.inline_svg(figure, name[:-4]))
            for name, figure in figures.items()
        ],
        sources=_list_sources(record["environment"]),
    )
    files.write_text(path, page)


def _describe_settings(record):
    """Returns the settings that were given, and what was read, in words."""
    images = record["images"]
    settings = record["settings"] | {
        "layers": record["layers"],
        "image_size": images["image_size"],
        "categories": len(images["categories"]),
    }
    return {
        name: ", ".join(value) if isinstance(value, list) else value
        for name, value in settings.items()
        # Those are elsewhere on the page.
        if value not in (None, []) and name not in ("transform", "image_files")
    }


def _list_neurons(layers):
    """Returns a dictionary for each condition and layer: means of neurons."""
    rows = []
    for (condition, layer), found in layers.groupby(
        ["condition", "layer"], sort=False
    ):
        values = found.set_index("measure")
        invariance = values.loc["invariance_coefficient"]
        rows.append(
            {
                "condition": condition,
                "layer": layer,
                "num_neurons": int(invariance.num_neurons),
                "num_never_active": int(invariance.num_never_active),
                "specialisation": values.value["specialisation"],
                "floor": invariance.control,
                "corrected": values.value["corrected_invariance"],
                "invariance": invariance.value,
            }
        )
    return rows


def _list_whole(layers):
    """Returns a dictionary for each measure of a whole layer."""
    of_neurons = (
        "invariance_coefficient",
        "corrected_invariance",
        "specialisation",
    )
    found = layers[~layers.measure.isin(of_neurons)]
    found = found.assign(measure=found.measure.map(describe_measure))
    return found.to_dict("records")


def _list_sources(environment):
    """Returns names and values: versions, and the machine."""
    known = {
        **environment,
        **environment["versions"],
        **environment["hardware"],
    }
    names = {"invariance_tf": "invariance_tf", **origins.SOURCES}
    return [
        (words, known[name])
        for name, words in names.items()
        if known.get(name) is not None
    ]
