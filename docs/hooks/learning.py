"""Which trainings in docs/results left chance: tables and a figure."""

import json
import math

import themes
import values

from invariance_tf.paper.claims import inference
from invariance_tf.paper.questions.chosen import by_seed


def describe_learning(results):
    """Returns the runs of a study with what their histories say.

    Args:
        results: A `Results`.

    Returns:
        DataFrame of the runs, with further columns: learning_rate, first and
        last (cross-entropy of the first and last epoch), learned_at_step (nan:
        never, or not recorded), training_seconds and steps (of an epoch).
    """
    tables = results.tables
    history = tables.history.sort_values("epoch")
    if "learned_at_step" not in history:
        history = history.assign(learned_at_step=math.nan)
    found = history.groupby("run").agg(
        learning_rate=("learning_rate", "first"),
        first=("cross_entropy", "first"),
        last=("cross_entropy", "last"),
        learned_at_step=("learned_at_step", "last"),
        training_seconds=("seconds", "sum"),
    )
    runs = tables.runs.join(found, on="run")
    tested = values.find_rows(
        tables.accuracy, {"category_group": "all", "test_transform": "identity"}
    )
    num_tested = runs.run.map(tested.set_index("run").num_images)
    # The defaults, which all these studies have: a tenth is held out, and a
    # batch is 32 images.
    num_trained = 0.9 * (runs.num_images - num_tested)
    return runs.assign(steps=(num_trained / 32).map(math.ceil))


def name_start(network_args):
    """Says how a network starts: "glorot, lrn_bias 1"."""
    arguments = json.loads(network_args)
    name = arguments.pop("initializer")
    return ", ".join(
        [name, *(f"{key} {value:g}" for key, value in arguments.items())]
    )


def order_starts(results):
    """Returns the runs of the sweep `initializers`, best learner first."""
    return describe_learning(results).sort_values(["last", "learning_rate"])


def starts_table(results):
    """Returns a table of how AlexNet learns by initialisation and rate."""
    layers = values.find_rows(
        results.tables.layers, {"category_group": "all", "tau": 0.1}
    ).set_index("run")
    titles = ("initializer", "learning rate", "cross-entropy, first epoch")
    titles += ("last epoch", "above chance by step (of looks every 250)")
    titles += ("accuracy, original", "neurons never active")
    titles += ("mean invariance", "its floor", "corrected")
    columns = ("invariance_all", "invariance_floor_all")
    columns += ("corrected_invariance_all",)
    rows = []
    for row in order_starts(results).to_dict("records"):
        layer = layers.loc[row["run"]]
        learned_at = row["learned_at_step"]
        rows.append(
            (
                name_start(row["network_args"]),
                f"{row['learning_rate']:.0e}".replace("e-0", "e-"),
                f"{row['first']:.2f}",
                f"{row['last']:.2f}",
                "never" if math.isnan(learned_at) else f"{learned_at:.0f}",
                f"{row['clean_accuracy']:.3f}",
                f"{layer.num_never_active:,} of {layer.num_neurons:,}",
                *(values.format_value(row[name], 3) for name in columns),
            )
        )
    return values.make_table(titles, rows)


def whole_runs_table(results):
    """Returns a table of accuracies and invariance, seen and unseen apart."""
    accuracy = results.tables.accuracy.set_index(["run", "category_group"])
    rows = []
    for row in describe_learning(results).to_dict("records"):
        tested = accuracy[accuracy.test_transform == row["transform"]]
        original = accuracy[accuracy.test_transform == "identity"]
        num_unseen = row["num_categories"] - row["n_seen"]
        for group, number in (("seen", row["n_seen"]), ("unseen", num_unseen)):
            place = row["run"], group
            rows.append(
                (
                    f"`{row['transform']}`",
                    f"{number} {group}",
                    tested.num_images[place],
                    *(
                        f"{value:.3f}"
                        for value in (
                            original.accuracy[place],
                            tested.accuracy[place],
                            tested.accuracy_in_group[place],
                            row[f"invariance_{group}"],
                            row[f"invariance_floor_{group}"],
                            row[f"corrected_invariance_{group}"],
                        )
                    ),
                )
            )
    titles = ("transformation", "people", "test images", "original")
    titles += ("transformed", "transformed, in group")
    titles += ("mean invariance", "its floor", "corrected")
    return values.make_table(titles, rows)


def recipes_table(studies):
    """Returns a table of how early and how far studies leave chance.

    Args:
        studies: Dictionary from names of directories in docs/results to what
            their images are.
    """
    titles = ("network", "images", "epochs", "steps", "runs")
    titles += ("above chance by step", "accuracy, original", "chance")
    rows = []
    for name, images in studies.items():
        runs = describe_learning(values.Results(values.RESULTS / name))
        (network,), (pixels,) = runs.network.unique(), runs.image_size.unique()
        (epochs,), num_steps = runs.epochs.unique(), runs.steps.max()
        num_categories = runs.num_categories.max()
        rows.append(
            (
                f"`{network}`",
                f"{num_categories} {images}, {pixels} pixels",
                epochs,
                f"{epochs * num_steps:,}",
                len(runs),
                _format_range(runs.learned_at_step.dropna(), 0)
                or "not recorded",
                _format_range(runs.clean_accuracy, 2),
                f"{1 / num_categories:.3f}",
            )
        )
    return values.make_table(titles, rows)


def training_seconds(results):
    """Says how long the trainings of a study took, from shortest to longest."""
    return _format_range(describe_learning(results).training_seconds, 0)


def _format_range(found, decimals):
    """Formats the lowest and the highest of some numbers."""
    ends = [f"{end:.{decimals}f}" for end in (found.min(), found.max())]
    return " to ".join(dict.fromkeys(ends)) if len(found) else ""


def draw_starts(theme):
    """Draws cross-entropy against steps for each initialisation and rate."""
    results = values.Results(values.RESULTS / "initializers")
    runs = order_starts(results)
    history = results.tables.history.set_index("run")
    figure, (axes,) = themes.make_panels(3.2, 1)
    colors = {"he": theme.seen, "glorot": theme.unseen, "alexnet": theme.muted}
    styles = {name: iter(("-", "--", ":")) for name in colors}
    for row in runs.to_dict("records"):
        epochs = history.loc[row["run"]].sort_values("epoch")
        name = name_start(row["network_args"])
        initializer = name.split(",")[0]
        # A mean over the epoch's steps.
        axes.plot(
            (epochs.epoch - 0.5) * row["steps"],
            epochs.cross_entropy,
            color=colors[initializer],
            linestyle=next(styles[initializer]),
            linewidth=1.4,
            label=f"{name} at {row['learning_rate']:.0e}".replace("e-0", "e-"),
        )
    num_categories = runs.num_categories.max()
    themes.add_level(axes, math.log(num_categories), theme)
    place = {"ha": "right", "va": "top", "color": theme.ink, "fontsize": 8}
    chance = math.log(num_categories) - 0.03
    end = history.epoch.max() * row["steps"]
    axes.text(end, chance, f"chance, ln {num_categories}", **place)
    axes.set(xlabel="training steps of 32 images", ylabel="cross-entropy")
    axes.legend(frameon=False, labelcolor=theme.ink)
    return figure


def precision_table(results):
    """Returns a table of what two number formats find, and their difference.

    Accuracy and invariance are means over networks; slopes are their rises
    from no category seen transformed to all.
    """
    runs = results.tables.runs
    shares = 1 / runs.num_categories.iloc[0]
    columns = {
        "accuracy, original": "clean_accuracy",
        "within-category accuracy": "within_accuracy",
        "across-category accuracy": "across_accuracy",
        "invariance, unseen categories": "invariance_unseen",
        "corrected invariance, unseen": "corrected_invariance_unseen",
    }
    rows = []
    for words, measure in columns.items():
        by_format = {}
        for precision, found in runs.groupby("precision"):
            by_point = found.set_index(["transform", "n_seen", "seed"])[measure]
            by_format[precision] = {
                words: by_seed(found, measure),
                f"slope of {words}": inference.slopes(
                    by_point, lambda n_seen: n_seen * shares
                ),
            }
        exact, short = by_format["float32"], by_format["mixed_bfloat16"]
        for name in exact:
            effects = (exact[name], short[name], short[name] - exact[name])
            cells = [
                values.format_effect(inference.contrast(effect), 3)
                for effect in effects
            ]
            rows.append((name, *cells))
    rows.sort(key=lambda row: row[0].startswith("slope"))
    return values.make_table(
        ("", "float32", "mixed_bfloat16", "difference"), rows
    )
