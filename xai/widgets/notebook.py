"""The scrubber as an anywidget, for JupyterLab, VS Code, Colab, marimo; it needs the extra ``widget``.

    Scrubber(sweeps, Sheet.of(sweeps).state(uri, influence, chosen=17))

xai.scrubber makes one of a checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anywidget
import traitlets

from xai.latents.sweeps import LatentSweeps
from xai.networks.fast_generator import check_dimension
from xai.widgets.browser import browser_text

RENDER = """
function render({ model, el }) {
  const scrubber = mount(el, (dimension) => { model.set('dimension', dimension); model.save_changes(); });
  const show = () => scrubber.show({ ...model.get('sheet'), chosen: model.get('dimension') });
  model.on('change:dimension', show);
  show();
  return () => model.off('change:dimension', show);
}

export default { render };
"""


class Scrubber(anywidget.AnyWidget):
    """Every latent dimension of one poster, to drag through.

    dimension : the latent dimension that was clicked, or was set.
    sheet : what the browser shows, as :meth:`xai.widgets.sheet.Sheet.state` has it.
    sweeps : the same as numbers.
    """

    _esm = browser_text("scrubber.js") + RENDER
    _css = browser_text("scrubber.css")
    sheet = traitlets.Dict(read_only=True).tag(sync=True)
    dimension = traitlets.Int().tag(sync=True)

    def __init__(self, sweeps: LatentSweeps, state: Mapping[str, Any]) -> None:
        sheet = dict(state)
        chosen = sheet.pop("chosen")
        self.sweeps = sweeps
        super().__init__()
        self.set_trait("sheet", sheet)
        self.dimension = chosen

    @traitlets.validate("dimension")
    def _check(self, proposal: Mapping[str, Any]) -> int:
        check_dimension(proposal["value"], len(self.sweeps.now))
        return int(proposal["value"])
