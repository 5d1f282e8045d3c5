"""Draws the features of a synthetic face: eyes, brows, nose, mouth, glasses.

Every function paints on a view in the face's frame; see `drawing`.
"""

import numpy as np

from invariance_tf.datasets.synthfaces.shapes import (
    View,
    bar,
    ellipse,
    intersect,
)

BLACK = 30.0
WHITE = 235.0


def paint_eyes(surface, face):
    """Paints both eyes and the brows above them."""
    for side in (-1.0, 1.0):
        x = side * face.eye_x
        eye = surface.crop(x, face.eye_y - 0.14, 0.22, 0.32)
        # Mirrored, so that inside is to the left for both eyes.
        x = (eye.x - x) * side
        y = eye.y - face.eye_y
        ball = View(eye.pixels, x, y + face.eye_tilt * x, eye.unit)
        _paint_eye(ball.crop(0.0, 0.0, 0.19, 0.13), face, side)
        _paint_brow(eye, x - face.brow_x, y + face.brow_height, face)


def _paint_eye(eye, face, side):
    x, y = eye.x, eye.y
    along = x / face.eye_width
    bow = 1.0 - along * along
    upper = -y - face.eye_open * bow
    lower = y - 0.6 * face.eye_height * bow
    lid = -y - (face.eye_height * 1.25 + 0.015) * bow
    eye.paint(np.maximum(lid, lower), face.skin * 0.78, softness=0.015)
    opening = np.maximum(upper, lower)
    eye.paint(opening, WHITE)
    across, down = x - side * face.gaze_x, y - face.gaze_y
    iris = ellipse(across, down, face.iris, face.iris)
    eye.paint(np.maximum(iris, opening), face.eye)
    pupil = iris + 0.5 * face.iris
    eye.paint(np.maximum(pupil, opening), BLACK)
    across += 0.4 * side * face.iris
    down += 0.4 * face.iris
    glint = ellipse(across, down, 0.25 * face.iris, 0.25 * face.iris)
    eye.paint(np.maximum(glint, opening), 255.0)
    lashes = np.abs(upper) - face.lashes
    eye.paint(np.maximum(lashes, -0.1 * bow), BLACK)


def _paint_brow(eye, x, y, face):
    along = x / face.brow_length
    bow = 1.0 - along * along
    middle = face.brow_slant * x + face.brow_arch * bow
    brow = np.abs(y + middle) - face.brow_weight * (1.0 - 0.5 * along)
    eye.paint(intersect(brow, -0.1 * bow, 0.02), face.hair * 0.6)


def paint_nose(surface, face):
    """Paints the nose."""
    width = face.nose_width
    tip = face.eye_y + face.nose_length
    # The tip protrudes from the face and so moves further when it turns.
    lean = 0.35 * face.yaw
    nose = surface.crop(lean, tip - 0.08, 0.22, 0.24)
    x, y = nose.x - lean, nose.y - tip
    bridge = x - face.shade_side * (0.5 * width + 0.15 * y)
    bridge = np.maximum(np.abs(bridge) - 0.02, np.abs(y + 0.1) - 0.1)
    nose.paint(bridge, face.skin * 0.68, softness=0.05)
    wings = ellipse(x, y, width, width * 0.55)
    nose.paint(wings, face.skin * 0.8, softness=0.025)
    ball = ellipse(x, y + 0.025, width * 0.65, width * 0.55)
    nose.paint(ball, face.skin * 1.08, softness=0.04)
    x, y = np.abs(x) - 0.5 * width, y - 0.25 * width
    nostrils = ellipse(x, y, 0.3 * width, 0.2 * width)
    nose.paint(nostrils, face.skin * 0.4)


def paint_mouth(surface, face):
    """Paints the mouth and, if the person has them, folds, moustache, mole."""
    mouth = surface.crop(0.0, face.mouth_y - 0.04, 0.46, 0.24)
    side, y = np.abs(mouth.x), mouth.y - face.mouth_y
    if face.folds.any():
        down = y + 0.1
        fold = np.abs(side - 0.2 - 0.5 * down + 1.6 * down * down) - 0.008
        fold = np.maximum(fold, np.abs(down) - 0.1)
        mouth.paint(fold, face.skin * 0.6, face.folds, softness=0.015)
    _paint_lips(mouth, side / face.mouth_width, y, face)
    if face.moustache.any():
        along = side / face.moustache_width
        along *= along
        above = y + face.lip_upper + 0.035
        hair = np.abs(above - 0.06 * along) - 0.035 * (1.0 - along)
        mouth.paint(hair, face.hair * 0.75, face.moustache)
    if face.mole.any():
        mole = ellipse(mouth.x - face.mole_x, y - face.mole_y, 0.022, 0.022)
        mouth.paint(mole, face.skin * 0.3, face.mole)


def _paint_lips(mouth, along, y, face):
    bow = along * along
    y = y + face.smile * bow
    bow = 1.0 - bow
    corners = -0.1 * bow
    gap = face.mouth_open * bow
    peak = np.minimum(along * 1.5, 0.3) + 0.7
    upper = -y - gap - face.lip_upper * peak * bow
    lower = y - gap - face.lip_lower * bow
    lips = np.maximum(np.maximum(upper, lower), corners)
    mouth.paint(lips, face.lips)
    inside = np.maximum(np.abs(y) - gap - 0.007, corners)
    mouth.paint(inside, BLACK)
    teeth = np.maximum(y + 0.2 * gap, inside + 0.018)
    mouth.paint(teeth, 225.0)


def paint_glasses(surface, face):
    """Paints glasses on the faces that have some."""
    for side in (-1.0, 1.0):
        lens = surface.crop(side * 0.34, face.eye_y, 0.4, 0.21)
        x, y = lens.x * side, lens.y - face.eye_y - 0.015
        rim = bar(
            x - face.eye_x, y, face.lens_width, face.lens_height, face.corner
        )
        lens.paint(rim, WHITE, 0.12 * face.glasses)
        temple = np.abs(y + 0.04) - 0.4 * face.rim
        temple = np.maximum(temple, face.eye_x + face.lens_width - x)
        frame = np.minimum(np.abs(rim) - face.rim, temple)
        frame = np.maximum(frame, x - face.width)
        lens.paint(frame, face.frame, face.glasses)
    bridge = surface.crop(0.0, face.eye_y, 0.18, 0.1)
    arc = bridge.y - face.eye_y + 0.01 - 3.0 * bridge.x * bridge.x
    gap = face.eye_x - face.lens_width
    arc = np.maximum(np.abs(arc) - face.rim, np.abs(bridge.x) - gap)
    bridge.paint(arc, face.frame, face.glasses)
