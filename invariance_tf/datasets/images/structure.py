"""Notices folders of images that are hardly categories."""

import collections
import os

# Names of folders that hold a part of a data set, or all of it.
PARTS = {
    *("train", "training", "val", "valid", "validation", "test", "testing"),
    *("image", "images"),
}


def check_structure(data_dir, files_by_category, loose):
    """Raises if the folders below a directory are not one per category.

    Folders are refused that are called like a part of a data set, and those at
    different depths: `train/cat/images` beside `val/images`, as in
    Tiny-ImageNet, would make `val` a category.

    Args:
        data_dir: Absolute `pathlib.Path` of the directory.
        files_by_category: As `listing.group_by_category` returns it.
        loose: List of `ImageFile` that are in no category's folder.

    Raises:
        ValueError: If so; it says what to give instead.
    """
    homes = {
        _find_home(file.name, category)
        for category, files in files_by_category.items()
        for file in files
    }
    parts = {home for home in homes if home[-1].casefold() in PARTS}
    depths = {len(home) for home in homes}
    received = f"Received: data_dir={os.fspath(data_dir)!r}"
    if parts:
        names = ", ".join(sorted("/".join(home) for home in parts)[:3])
        raise ValueError(
            f"Folders called like a part of a data set hold images: {names}. "
            f"{_suggest(data_dir, homes - parts)} {received}"
        )
    if len(depths) > 1:
        high, low = min(homes, key=len), max(homes, key=len)
        raise ValueError(
            f"Folders of images are at different depths: {'/'.join(high)} and "
            f"{'/'.join(low)}. {_suggest(data_dir, homes)} {received}"
        )
    if len(files_by_category) == 1:
        (category,) = files_by_category
        raise ValueError(
            f"There is only one folder of images, {category}; at least 2 "
            f"categories are needed. {received}"
        )
    if loose and not homes:
        raise ValueError(
            "The images are not in folders of categories (the first: "
            f"{loose[0].name}). If this is the folder of one category, use "
            f"--data_dir {data_dir.parent}. {received}"
        )


def _find_home(name, category):
    """Returns the path of the category's folder that a file is in, in parts."""
    folders = name.split("/")[:-1]
    while folders[-1] != category:
        folders.pop()
    return tuple(folders)


def _suggest(data_dir, homes):
    """Says what to do, given the paths of the folders that may be right."""
    listing = "the categories in a file: --categories_file."
    parents = collections.Counter(home[:-1] for home in homes).most_common(1)
    if not parents:
        return f"Make one folder per category, or name {listing}"
    ((parent, count),) = parents
    if not parent or count < 2:
        return f"Name {listing}"
    return f"Use --data_dir {data_dir.joinpath(*parent)}, or name {listing}"
