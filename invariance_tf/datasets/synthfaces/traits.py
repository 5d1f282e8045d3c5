"""The numbers behind a synthetic face: those of a person, and of an image.

Lengths are in half the side of an image, before the image's own scale.
Colours go from 0 to 255.
"""

import types

import numpy as np

# A person's numbers, uniform between two limits. `is_...` and `has_...` are
# true above zero.
IDENTITY = {
    "width": (0.45, 0.56),
    "crown": (0.60, 0.70),
    "chin": (0.58, 0.76),
    "jaw": (0.10, 0.40),
    "square": (0.0, 0.6),
    "ear_height": (0.08, 0.12),
    "ear_y": (-0.06, 0.08),
    "neck": (0.20, 0.32),
    "is_man": (-1.0, 1.0),
    "skin_tone": (0.0, 3.0),
    "skin_shade": (0.9, 1.1),
    "hair_tone": (0.0, 5.0),
    "hair_shade": (0.8, 1.2),
    "hair_extent": (-1.0, 1.0),
    "hair_side": (0.02, 0.13),
    "hair_flare": (-0.05, 0.22),
    "hair_wave": (-0.03, 0.04),
    "hair_volume": (0.03, 0.13),
    "hairline": (-0.50, -0.27),
    "parting": (-0.3, 0.3),
    "fringe_slope": (-0.35, 0.35),
    "fringe_curve": (-0.5, 1.2),
    "fringe_part": (-0.2, 0.4),
    "is_bald": (-1.0, 0.25),
    "lock_x": (0.80, 0.95),
    "lock_y": (-0.25, 0.12),
    "eye_x": (0.18, 0.255),
    "eye_y": (-0.09, 0.03),
    "eye_width": (0.085, 0.135),
    "eye_height": (0.04, 0.075),
    "eye_tilt": (-0.22, 0.22),
    "eye_tone": (0.0, 3.0),
    "iris": (0.036, 0.052),
    "lashes": (0.006, 0.018),
    "brow_x": (-0.02, 0.03),
    "brow_height": (0.11, 0.18),
    "brow_length": (0.10, 0.17),
    "brow_weight": (0.010, 0.038),
    "brow_slant": (-0.35, 0.35),
    "brow_arch": (-0.01, 0.07),
    "nose_length": (0.17, 0.30),
    "nose_width": (0.06, 0.115),
    "mouth_y": (0.30, 0.40),
    "mouth_width": (0.11, 0.21),
    "mouth_bend": (-0.03, 0.04),
    "lip_upper": (0.012, 0.045),
    "lip_lower": (0.015, 0.06),
    "lip_tone": (0.0, 1.0),
    "has_beard": (-1.0, 1.0),
    "beard_line": (0.18, 0.42),
    "beard_gap": (0.1, 0.3),
    "beard_width": (0.15, 0.9),
    "beard_length": (0.0, 0.16),
    "has_moustache": (-1.0, 1.0),
    "moustache_width": (0.14, 0.24),
    "blush_strength": (0.0, 0.5),
    "folds": (-0.6, 0.6),
    "has_mole": (-0.7, 0.3),
    "mole_x": (-0.3, 0.3),
    "mole_y": (-0.18, 0.12),
    "has_glasses": (-0.7, 0.3),
    "lens_width": (0.125, 0.17),
    "lens_height": (0.09, 0.145),
    "corner": (0.03, 0.09),
    "rim": (0.010, 0.022),
    "frame_tone": (0.0, 2.0),
}

# What differs between the images of a person, by its standard deviation.
NUISANCES = {
    "shift_x": 0.06,
    "shift_y": 0.06,
    "zoom": 0.07,
    "rotation": 0.1,
    "yaw": 0.07,
    "pitch": 0.04,
    "smile": 0.025,
    "mouth_open": 0.02,
    "blink": 0.25,
    "brow_lift": 0.015,
    "gaze_x": 0.018,
    "gaze_y": 0.008,
    "light_x": 0.2,
    "light_y": 0.12,
    "gain": 0.25,
    "slope_x": 0.35,
    "slope_y": 0.35,
    "neckline": 0.06,
}

# Likewise, but three numbers each, uniform between two limits: the channels of
# a colour, or one for each of three discs.
SCENE = {
    "tint": (0.74, 1.26),
    "wall_start": (20.0, 235.0),
    "wall_end": (20.0, 235.0),
    "clothes": (20.0, 230.0),
    "disc_x": (-1.0, 1.0),
    "disc_y": (-1.0, 1.0),
    "disc_radius": (0.1, 0.35),
    "first_disc": (0.0, 255.0),
    "second_disc": (0.0, 255.0),
    "third_disc": (0.0, 255.0),
}

# With full palettes a network could tell people apart by hair colour alone.
# Only eyes keep theirs: they are too small for that.
COLOUR_SPREAD = 0.3
# Palettes: an average, and the colours towards which people differ from it.
SKIN = (
    (202, 152, 120),
    [(244, 208, 182), (222, 170, 132), (166, 112, 76), (96, 62, 44)],
)
HAIR = (
    (98, 62, 42),
    [(28, 24, 26), (72, 44, 30), (190, 76, 36), (128, 84, 48)]
    + [(226, 190, 110), (186, 186, 190)],
)
EYES = (
    (80, 90, 90),
    [(70, 44, 26), (110, 100, 50), (60, 120, 80), (80, 130, 190)],
)
LIPS = (176, 84, 80), [(178, 96, 88), (176, 40, 52)]
FRAMES = (48, 36, 36), [(24, 22, 26), (96, 56, 30), (170, 40, 46)]


def derive_faces(identity, nuisances, scene):
    """Turns random numbers into what `drawing.draw_faces` draws.

    Args:
        identity: Array of shape `(num_images, len(IDENTITY))`, from 0 to 1.
        nuisances: Array of shape `(num_images, len(NUISANCES))`, in standard
            deviations.
        scene: Array of shape `(num_images, len(SCENE), 3)`, from 0 to 1.

    Returns:
        Namespace of float32 numbers of shape `(num_images, 1, 1)` and colours
        of shape `(num_images, 3, 1, 1)`.
    """
    face = types.SimpleNamespace()
    for column, (name, (low, high)) in enumerate(IDENTITY.items()):
        setattr(face, name, low + (high - low) * identity[:, column])
    for column, (name, deviation) in enumerate(NUISANCES.items()):
        setattr(face, name, deviation * nuisances[:, column])
    for column, (name, (low, high)) in enumerate(SCENE.items()):
        setattr(face, name, low + (high - low) * scene[:, column])
    _settle_person(face)
    _settle_hair(face)
    _settle_image(face)
    _mix_colours(face)
    for name, value in vars(face).items():
        value = value.astype("float32")[..., np.newaxis, np.newaxis]
        setattr(face, name, value)
    return face


def _settle_person(face):
    """Decides what a person has; beards and moustaches are for men."""
    is_man = face.is_man > 0
    has_beard = is_man & (face.has_beard > 0)
    threshold = np.where(has_beard, -0.2, 0.5)
    has_moustache = is_man & (face.has_moustache > threshold)
    face.beard = 0.95 * has_beard
    face.moustache = 0.95 * has_moustache
    face.mole = face.has_mole > 0
    face.glasses = face.has_glasses > 0
    face.folds = np.maximum(face.folds, 0.0)
    face.jaw = face.jaw * np.where(is_man, 0.75, 1.1)
    face.brow_weight = face.brow_weight * np.where(is_man, 1.15, 0.8)
    face.ear_width = 0.6 * face.ear_height
    # Beside the mouth, not on it.
    face.mole_x = face.mole_x + np.where(face.mole_x < 0, -0.08, 0.08)


def _settle_hair(face):
    is_man = face.is_man > 0
    is_bald = is_man & (face.is_bald > 0)
    is_long = face.hair_extent > np.where(is_man, 0.6, -0.5)
    face.long_hair = is_long & ~is_bald
    face.hair_length = face.chin * (0.9 + 0.55 * face.hair_extent)
    # The fringe must not cover an eye.
    lines = [
        face.fringe_slope * x
        + face.fringe_curve * x * x
        + face.fringe_part * np.abs(x)
        for x in [face.eye_x - face.parting, -face.eye_x - face.parting]
    ]
    lowest = face.eye_y - 0.08 - np.maximum(*lines)
    face.hairline = np.minimum(face.hairline, lowest)
    face.hairline = np.where(is_bald, -1.6, face.hairline)
    face.hair_volume = np.where(is_bald, 0.01, face.hair_volume)
    face.hair_side = np.maximum(face.hair_side, face.hair_volume + 0.02)
    face.lock_x = face.lock_x * face.width
    face.lock_y = face.lock_y + 0.3 * face.long_hair
    # Bald men have hair above the ears.
    bald_y = 0.4 * face.lock_y + 0.03
    face.lock_y = np.where(is_bald, bald_y, face.lock_y)
    face.lock_length = np.where(is_bald, 0.15, 1.0)


def _settle_image(face):
    """Adds the expression, pose and light of an image."""
    blink = np.maximum(np.abs(face.blink), 0.1) - 0.1
    face.eye_open = face.eye_height * np.maximum(1.0 - blink, 0.1)
    face.smile = face.mouth_bend + face.smile
    face.mouth_open = np.maximum(face.mouth_open, 0.0)
    face.brow_height = face.brow_height + face.brow_lift
    face.scale = 1.1 + face.zoom
    # The rational form of a rotation, by the half-angle's tangent.
    tangent = face.rotation / 2
    face.cosine = (1 - tangent * tangent) / (1 + tangent * tangent)
    face.sine = 2 * tangent / (1 + tangent * tangent)
    face.shift_y = face.shift_y + 0.02
    face.shade_side = np.where(face.light_x > 0, -1.0, 1.0)
    face.neckline = np.maximum(0.22 + face.neckline, 0.1)
    face.tint = face.tint * np.maximum(1.0 + face.gain, 0.35)[:, np.newaxis]


def _mix_colours(face):
    face.skin = _mix(SKIN, face.skin_tone) * face.skin_shade[:, np.newaxis]
    face.hair = _mix(HAIR, face.hair_tone) * face.hair_shade[:, np.newaxis]
    face.eye = _mix(EYES, face.eye_tone, spread=1.0)
    face.lips = _mix(LIPS, face.lip_tone)
    face.frame = _mix(FRAMES, face.frame_tone)
    face.blush = face.skin * np.array([1.06, 0.82, 0.8])


def _mix(palette, position, spread=COLOUR_SPREAD):
    """Returns colours of shape `(num_images, 3)` along a palette."""
    average, colours = np.array(palette[0]), np.array(palette[1])
    before = np.minimum(position.astype(int), len(colours) - 2)
    share = (position - before)[:, np.newaxis]
    colour = colours[before] * (1 - share) + colours[before + 1] * share
    return average + spread * (colour - average)
