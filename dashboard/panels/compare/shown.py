"""What the Compare page shows above its analyses, from which they and their exports are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dashboard.panels.compare.maps import Request, View
    from dashboard.subject import Subject
    from xai import Explanation, Trust


@dataclass(frozen=True)
class Shown:
    """The question, the maps that could be made, their verdicts, the poster, and the view."""

    request: Request
    explained: dict[str, Explanation]
    trusted: dict[str, Trust]
    subject: Subject
    view: View
