"""From FaceScrub's lists of addresses to a directory of face crops."""
