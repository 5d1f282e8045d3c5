"""The families of transformations that the paper studies (section 3)."""

# Section 3, in the order of the paper's figures.
FAMILIES = {
    "color": ("grayscale", "hue_rotation"),
    "convolutional": (
        "blur",
        "highpass",
        "horizontal",
        "vertical",
        "contrast_inversion",
    ),
    "noise": ("white_noise", "salt_pepper"),
    "geometric": ("rotate90", "rotate180", "thinning"),
}


# The others occur in ImageNet as it is.
OF_IMAGENET = ("blur", "highpass", "white_noise", "salt_pepper")
