"""What a person can do wrong when asking for an explanation."""

from gan.errors import PosterLensError


class ExplanationError(PosterLensError):
    """A method, layer, unit or setting that does not exist, or a picture of the wrong shape."""
