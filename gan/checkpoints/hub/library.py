"""The library huggingface_hub, and what goes wrong with it, each in one sentence.

    hub = connect()
    with sentences(hub, "owner/name"):
        hub.api.model_info("owner/name")

Whatever the library raises is its own, its HTTP library's, or of the disk; the first two become a CheckpointError.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from gan.checkpoints.untrusted import printable
from gan.errors import CheckpointError

LOG_IN = "run hf auth login, or set HF_TOKEN"
HTTP_LIBRARIES = ("httpx", "httpx2", "requests", "urllib3")  # of its versions


class HubUnavailableError(CheckpointError):
    """The package huggingface_hub is not installed (optional extra ``hub``)."""


@dataclass(frozen=True)
class Hub:
    """module : huggingface_hub. api : its HfApi. errors : its exceptions. host : for sentences."""

    module: Any
    api: Any
    errors: Any
    host: str


def connect() -> Hub:
    """The library, for the Hub or for the one that HF_ENDPOINT names; nothing is sent yet.

    Raises
    ------
    HubUnavailableError
        If it is not installed.
    """
    try:
        module, errors = import_module("huggingface_hub"), import_module("huggingface_hub.errors")
    except ImportError:
        raise HubUnavailableError(
            'Checkpoints of the Hugging Face Hub need the package huggingface_hub: pip install -e ".[hub]".'
        ) from None
    api = module.HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, library_name="posterlens")
    return Hub(module, api, errors, urlsplit(api.endpoint).netloc)


@contextmanager
def sentences(hub: Hub, repository: str, revision: str | None = None) -> Iterator[None]:
    """CheckpointError of one sentence in place of what the library raises; errors of the disk and bugs pass."""
    try:
        yield
    except CheckpointError:
        raise
    except Exception as error:
        reason = _reason(hub, error, repository, revision)
        if reason is None:
            raise
        raise CheckpointError(reason) from error


def _reason(hub: Hub, error: Exception, repository: str, revision: str | None) -> str | None:
    host, errors = hub.host, hub.errors
    if isinstance(error, errors.OfflineModeIsEnabled):
        return f"{repository} is not fetched, for HF_HUB_OFFLINE is set."
    if isinstance(error, errors.GatedRepoError):
        return f"{repository} is open to those only whom its owner on {host} lets in; ask there, then {LOG_IN}."
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"There is no repository {repository} on {host}, or it is private; then {LOG_IN}."
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{repository} has no revision {revision!r}."
    if isinstance(error, errors.HfHubHTTPError):
        return _refusal(host, error, repository)
    if isinstance(error, errors.FileMetadataError | errors.LocalEntryNotFoundError):
        return f"{repository} could not be fetched: {host} broke off, or is no Hub."
    if isinstance(error.__cause__, errors.BadRequestError):  # of the check of a model card
        return f"{host} refuses the model card of {repository}: {printable(str(error), 160).rstrip('. ')}."
    if type(error).__module__.partition(".")[0] in HTTP_LIBRARIES:
        return f"{host} cannot be reached for {repository}; is there a network?"
    return None


def _refusal(host: str, error: Any, repository: str) -> str:
    status = getattr(error.response, "status_code", None)
    if status == 401:
        return f"{host} does not take the token for {repository}; {LOG_IN} anew."
    if status == 403:
        return f"The token may not write to {repository} on {host}; make one that may, then {LOG_IN}."
    said = printable(str(getattr(error, "server_message", None) or ""), 120).rstrip(". ")
    return f"{host} answered {status} for {repository}{f': {said}' if said else ''}."
