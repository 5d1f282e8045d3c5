"""Draws synthetic faces, their parts painted from back to front.

Coordinates point to the right and downwards; 1 is half the side of an image.
The head's frame follows its shift, scale and rotation. The face's frame lies
on its surface, a bulge that is turned by yaw and pitch, so that hairline,
beard and glasses turn with the eyes while the outline stays.
"""

import numpy as np

from invariance_tf.datasets.synthfaces import features
from invariance_tf.datasets.synthfaces.shapes import (
    View,
    bar,
    ellipse,
    head,
    intersect,
    ripple,
    unite,
)


def draw_faces(face, image_size):
    """Draws one image of each face.

    Args:
        face: Namespace of numbers and colours, as returned by
            `traits.derive_faces`.
        image_size: Integer. Height and width, in pixels.

    Returns:
        float32 array of shape `(num_images, 3, image_size, image_size)`, from
        0 for black to 255 for white. Brighter values are not yet clipped.
    """
    axis = np.arange(image_size, dtype="float32")
    axis = (axis + 0.5) * (2.0 / image_size) - 1.0
    shape = (len(face.scale), 3, image_size, image_size)
    image = View(
        np.empty(shape, "float32"),
        axis[np.newaxis, np.newaxis, :],
        axis[np.newaxis, :, np.newaxis],
        np.full((1, 1, 1), 2.0 / image_size, "float32"),
    )
    _paint_background(image, face)
    body = _pose(image, face)
    _paint_body(body, face)
    near = body.crop(0.0, 0.05, 0.78, 1.0)
    surface = _turn(near, face)
    _paint_skin(near, surface, face)
    if face.beard.any():
        _paint_beard(near, surface, face)
    features.paint_eyes(surface, face)
    features.paint_nose(surface, face)
    features.paint_mouth(surface, face)
    _paint_hair(near, surface, face)
    if face.glasses.any():
        features.paint_glasses(surface, face)
    _light(body, face)
    return image.pixels


def _pose(image, face):
    """Returns the view in the head's frame."""
    x, y = image.x - face.shift_x, image.y - face.shift_y
    cosine, sine = face.cosine / face.scale, face.sine / face.scale
    return View(
        image.pixels,
        cosine * x + sine * y,
        cosine * y - sine * x,
        image.unit / face.scale,
    )


def _turn(view, face):
    """Returns a view of the head in the face's frame."""
    across, down = view.x / face.width, view.y / face.chin
    bulge = np.maximum(1.0 - (across * across + down * down), 0.0)
    return View(
        view.pixels,
        view.x - face.yaw * bulge,
        view.y - face.pitch * bulge,
        view.unit,
    )


def _paint_background(image, face):
    blend = face.slope_x * image.x + face.slope_y * image.y + 0.5
    blend = np.clip(blend, 0.0, 1.0)
    change = face.wall_end - face.wall_start
    image.pixels[:] = change * blend[:, np.newaxis] + face.wall_start
    x = np.broadcast_to(image.x, blend.shape)
    y = np.broadcast_to(image.y, blend.shape)
    wall = View(image.pixels, x, y, image.unit)
    colours = [face.first_disc, face.second_disc, face.third_disc]
    for disc, colour in enumerate(colours):
        x, y = face.disc_x[:, disc], face.disc_y[:, disc]
        radius = face.disc_radius[:, disc]
        near = wall.crop(x, y, radius, radius)
        near.paint(ellipse(near.x - x, near.y - y, radius, radius), colour)


def _paint_body(body, face):
    """Paints what is behind the head: clothes, long hair, neck and ears."""
    middle = face.chin + 0.72
    trunk = body.crop(0.0, middle, 0.85, 0.58)
    shoulders = ellipse(trunk.x, trunk.y - middle, 0.85, 0.58)
    trunk.paint(shoulders, face.clothes)
    if face.long_hair.any():
        _paint_long_hair(body, face)
    neck = body.crop(0.0, face.chin + 0.1, 0.45, 0.6)
    below = neck.y - face.chin
    throat = bar(neck.x, below, face.neck, 0.25, 0.05)
    collar = ellipse(neck.x, below - 0.2, face.neck * 1.15, face.neckline)
    throat = unite(throat, collar, 0.1)
    neck.paint(throat, face.skin * 0.86)
    shadow = head(neck.x, neck.y - 0.09, face)
    shadow = np.maximum(shadow, throat)
    neck.paint(shadow, face.skin * 0.6, softness=0.03)
    for side in (-1.0, 1.0):
        # The ear on the side that the head turns away from comes into view.
        x = side * (face.width + 0.01) - 0.35 * face.yaw
        ear = body.crop(x, face.ear_y, face.ear_width, face.ear_height)
        shell = ellipse(
            ear.x - x, ear.y - face.ear_y, face.ear_width, face.ear_height
        )
        ear.paint(shell, face.skin * 0.93)
        shell += 0.4 * face.ear_width
        ear.paint(shell, face.skin * 0.7, softness=0.02)


def _paint_long_hair(body, face):
    hair = body.crop(0.0, 0.25, 1.1, 1.25)
    down = np.maximum(hair.y, 0.0)
    up = hair.y - down
    width = face.hair_flare * down + face.hair_wave * ripple(hair.y, 0.28)
    across = hair.x / (width + (face.width + face.hair_side))
    up /= face.crown + face.hair_volume
    outline = (np.sqrt(across * across + up * up) - 1.0) * face.width
    distance = intersect(outline, hair.y - face.hair_length, 0.15)
    hair.paint(distance, face.hair * 0.72, face.long_hair)


def _paint_skin(near, surface, face):
    near.paint(head(near.x, near.y, face), face.skin)
    cheeks = surface.crop(0.0, 0.17, 0.44, 0.16)
    distance = ellipse(np.abs(cheeks.x) - 0.26, cheeks.y - 0.17, 0.1, 0.08)
    cheeks.paint(distance, face.blush, face.blush_strength, softness=0.09)


def _paint_beard(near, surface, face):
    beard = head(near.x, near.y, face, 0.015, face.beard_length)
    side = np.abs(surface.x)
    beard = intersect(beard, side - face.beard_width, 0.15)
    line = np.maximum(side - face.beard_gap, 0.0) * -0.6
    line = line - 0.8 * surface.y + 0.8 * face.beard_line
    beard = np.maximum(beard, line)
    near.paint(beard, face.hair * 0.85, face.beard, softness=0.03)


def _paint_hair(near, surface, face):
    """Paints the hair above the hairline, and its locks beside the face."""
    # Short hair lies closer to the head further down.
    lift = np.clip((face.lock_y - surface.y) * 2.0, face.long_hair, 1.0)
    lift = lift * face.hair_volume + 0.01
    scalp = head(near.x, near.y, face, lift)
    x = surface.x - face.parting
    line = (face.fringe_curve * x + face.fringe_slope) * x
    line = line + face.fringe_part * np.abs(x) + face.hairline
    line = (surface.y - line) * 0.85
    # What protrudes beside the head is hair as well.
    side = np.minimum(face.lock_x - np.abs(surface.x), -0.04 - lift - scalp)
    ends = np.abs(surface.y - face.lock_y + face.lock_length) - face.lock_length
    hair = unite(line, intersect(side, ends, 0.12), 0.12)
    hair = np.maximum(hair, scalp)
    near.paint(hair, face.hair)
    bend = near.y + 0.62 * face.crown - 0.5 * x * x
    shine = ellipse(near.x, bend, 0.35, 0.07)
    shine = np.maximum(shine, hair + 0.04)
    near.paint(shine, face.hair * 1.25 + 12.0, softness=0.1)


def _light(body, face):
    """Shades the scene as if it were as round as the head, and tints it."""
    across, down = body.x / face.width, body.y / face.chin
    light = np.minimum(across * across + down * down, 1.5) * -0.16
    light += np.clip(across, -1.3, 1.3) * face.light_x
    light += np.clip(down, -1.3, 1.3) * face.light_y
    light = np.maximum(light + 1.08, 0.1)
    body.pixels *= light[:, np.newaxis]
    body.pixels *= face.tint
