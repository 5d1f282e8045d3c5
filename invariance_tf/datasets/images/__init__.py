"""Image files: finding, decoding, caching and identifying them."""
