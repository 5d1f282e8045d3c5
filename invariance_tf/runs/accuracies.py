"""Measures and writes the accuracies of a trained run."""

import numpy as np
import pandas as pd

from invariance_tf import drawing, files, transforms
from invariance_tf.measures import evaluation
from invariance_tf.runs.preparation import timed


def measure_accuracies(prepared, log):
    """Tests a trained experiment and writes its accuracies.

    Writes `accuracy.csv`, `confusion.csv`, `confusion_matrix.csv` and
    `confusion.png` to the run directory.

    Args:
        prepared: A `preparation.Prepared` with the trained model.
        log: A `tensorboard.EventLog`.

    Returns:
        Dictionary for the run's summary: `evaluation.ACCURACIES` by name; of
        several transformations, the mean over them.
    """
    experiment = prepared.experiment
    images, labels = prepared.part("test")
    network = evaluation.classifier(prepared.model)
    tested = {
        "identity": transforms.get("identity"),
        **prepared.test_transforms(),
    }
    with timed(prepared.seconds, "evaluation"):
        both = {
            name: evaluation.predict_in_groups(
                *(network, images, labels, _group_numbers(prepared, name)),
                transform,
                experiment.seed,
            )
            for name, transform in tested.items()
        }
    predicted = {name: among_all for name, (among_all, _) in both.items()}
    _write_accuracies(prepared, labels, both)
    _write_accuracies_by_category(prepared, labels, predicted)
    _write_confusion(prepared, labels, predicted, log)
    of_each = [
        evaluation.summarise_accuracies(
            labels,
            predicted["identity"],
            predicted[name],
            *prepared.groups(name),
        )
        for name in prepared.seen_with
    ]
    summary = {
        name: float(np.mean([each[name] for each in of_each]))
        for name in evaluation.ACCURACIES
    }
    log.scalars(
        {f"test/{name}": value for name, value in summary.items()},
        step=experiment.epochs,
    )
    return summary


def _group_numbers(prepared, transform):
    """Returns the number of each category's group."""
    is_seen, is_other = prepared.groups(transform)
    return is_seen + 2 * is_other


def _write_accuracies(prepared, labels, predicted):
    """Writes the accuracies of each test and category group."""
    rows = []
    for name, of_test in predicted.items():
        among_all, in_group = (
            evaluation.group_accuracies(labels, each, *prepared.groups(name))
            for each in of_test
        )
        rows += [
            {
                "test_transform": name,
                "category_group": group,
                "num_images": num_images,
                "accuracy": accuracy,
                "accuracy_in_group": in_group[group][1],
            }
            for group, (num_images, accuracy) in among_all.items()
        ]
    files.write_csv(prepared.path("accuracy.csv"), rows)


def _write_accuracies_by_category(prepared, labels, predicted):
    """Writes how many images of each category are classified correctly."""
    names = prepared.dataset.categories
    groups = np.array(["unseen", "seen", "other"])
    files.write_csv(
        prepared.path("accuracy_by_category.csv"),
        pd.concat(
            pd.DataFrame(
                {
                    "test_transform": name,
                    "category": names,
                    "category_group": groups[_group_numbers(prepared, name)],
                    "num_images": np.bincount(labels, minlength=len(names)),
                    "num_correct": np.bincount(
                        labels[of_test == labels], minlength=len(names)
                    ),
                }
            )
            for name, of_test in predicted.items()
        ),
    )


def _write_confusion(prepared, labels, predicted, log):
    """Writes which categories, and groups of them, are confused."""
    path = prepared.path
    is_seen, names = prepared.is_seen, np.array(prepared.dataset.categories)
    # Of several transformations, all answers together.
    labels = np.tile(labels, len(prepared.seen_with))
    predicted = np.concatenate([predicted[name] for name in prepared.seen_with])
    files.write_csv(
        path("confusion.csv"),
        evaluation.group_confusion(labels, predicted, is_seen),
    )
    matrix = evaluation.confusion_matrix(labels, predicted, len(is_seen))
    row, column = np.nonzero(matrix)
    files.write_csv(
        path("confusion_matrix.csv"),
        {
            "category": names[row],
            "predicted_category": names[column],
            "num_images": matrix[row, column],
        },
    )
    figure = drawing.draw_confusion(matrix, is_seen, names)
    drawing.save(figure, path("confusion.png"), dpi=150)
    log.picture(
        "confusion", path("confusion.png"), step=prepared.experiment.epochs
    )
