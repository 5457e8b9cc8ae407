"""What the keys of all caches are made of: the content of their arguments.

    @st.cache_resource(max_entries=8, show_spinner=False, hash_funcs=HASH_FUNCS)
    def maps(checkpoint, noise, layer): ...

No cached function has an argument that does not take part in its key, so that no key can miss an input. Streamlit
compares the classes by name, so nothing heavy is imported here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

HASH_FUNCS: dict[str | type, Callable[[Any], Any]] = {
    "torch.Tensor": lambda tensor: (tuple(tensor.shape), tensor.numpy().tobytes()),
    "gan.checkpoints.record.Checkpoint": lambda checkpoint: checkpoint.digest,
    "xai.latents.directions.Direction": lambda direction: direction.vector,
    "dashboard.subject.Noise": lambda noise: noise.key,
    "dashboard.subject.Uploaded": lambda uploaded: uploaded.key,
    "dashboard.subject.Subject": lambda subject: (subject.checkpoint.digest, subject.key),
}
