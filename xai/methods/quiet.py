"""Libraries that warn about what they are meant to do."""

import functools
import warnings


@functools.cache
def quiet() -> None:
    """Ignore, once and for all threads, captum's and shap's notes on hooks and additivity.

    ``warnings.catch_warnings`` would change and restore global state, which is not safe in threads.
    """
    warnings.filterwarnings("ignore", message="Setting forward, backward hooks")
    warnings.filterwarnings("ignore", message="Input Tensor .* did not already require gradients")
    warnings.filterwarnings("ignore", message="unrecognized nn.Module")
