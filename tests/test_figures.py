"""Pictures show the numbers that they are given."""

import numpy as np
import pytest

from invariance_tf import drawing
from invariance_tf.drawing.examples import displayable


def groups_of(figure):
    """The names above a confusion matrix."""
    (top, _) = figure.axes[0].child_axes
    return [label.get_text() for label in top.get_xticklabels()]


def test_confusion_is_drawn_in_percent_with_seen_categories_first():
    matrix = np.array([[3, 1], [0, 2]])
    figure = drawing.draw_confusion(matrix, np.array([False, True]))
    axes = figure.axes[0]
    assert axes.images[0].get_array().tolist() == [[100, 0], [25, 75]]
    assert groups_of(figure) == ["seen", "unseen"]


def test_a_group_without_categories_is_not_named():
    figure = drawing.draw_confusion(np.eye(2, dtype=int), np.array([True] * 2))
    assert groups_of(figure) == ["seen"]


def test_categories_are_named_where_there_is_room():
    is_seen = np.array([False, True])
    figure = drawing.draw_confusion(np.eye(2), is_seen, ["Ann", "Bob"])
    axes = figure.axes[0]
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [label.get_text() for label in labels] == ["Bob", "Ann"]
    for names in (["Ann", "Bob" * 20], [f"person {i}" for i in range(100)]):
        matrix, is_seen = np.eye(len(names)), np.arange(len(names)) > 0
        figure = drawing.draw_confusion(matrix, is_seen, names)
        assert not figure.axes[0].get_yticklabels()


def test_a_category_without_images_is_drawn_empty():
    matrix = np.array([[0, 0], [0, 2]])
    figure = drawing.draw_confusion(matrix, np.array([True, False]))
    assert figure.axes[0].images[0].get_array()[0].tolist() == [0, 0]


def test_bytes_are_shown_as_they_are_and_standardised_values_around_grey():
    assert displayable(np.array([0, 255], "uint8")).tolist() == [0, 1]
    values = np.array([-9.0, -3.0, 0.0, 3.0, 9.0])
    assert displayable(values) == pytest.approx([0, 0, 0.5, 1, 1])


def test_examples_have_a_row_for_each_name_and_a_column_for_each_image():
    images = np.zeros((3, 4, 4, 3), "uint8")
    rows = {"original": images, "transformed": images[:2]}
    figure = drawing.draw_examples(rows, ["a", "b", "c"])
    shown = [bool(axes.images) for axes in figure.axes]
    assert shown == [True] * 5 + [False]
    titles = [axes.get_title() for axes in figure.axes[:3]]
    assert titles == ["a", "b", "c"]
