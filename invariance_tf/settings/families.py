"""The families of transformations of the paper (section 3)."""

# In the order of the figures.
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

# ImageNet images already vary in the others.
OF_IMAGENET = ("blur", "highpass", "white_noise", "salt_pepper")
