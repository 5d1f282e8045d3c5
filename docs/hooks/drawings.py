"""The drawings of the pages, made with the package's own functions."""

import faces_drawn
import findings
import neurons_drawn
import themes

DRAWINGS = {
    "people": faces_drawn.draw_people,
    "paradigm": faces_drawn.draw_paradigm,
    "coefficient": neurons_drawn.draw_coefficient,
    "active": neurons_drawn.draw_active,
    "ablation": neurons_drawn.draw_ablation,
    "calibration": neurons_drawn.draw_calibration,
    "own-model": neurons_drawn.draw_own_model,
}


def draw_all():
    """Makes every drawing, for light and for dark pages.

    Returns:
        Dictionary from names of files to SVG, as bytes.
    """
    return {
        f"{name}-{scheme}.svg": themes.make_svg(draw, theme)
        for name, draw in {**DRAWINGS, **findings.drawings()}.items()
        for scheme, theme in themes.THEMES.items()
    }
