"""The one runner of this server, and the session that asks.

server.runner().ask(order, server.session())
"""

from __future__ import annotations

import sys

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard.jobs.runner import Runner
from dashboard.settings import settings


@st.cache_resource(show_spinner=False, on_release=Runner.close)
def runner() -> Runner:
    """Its jobs have the options of this server."""
    return Runner(lambda: [sys.executable, "-m", "dashboard.jobs.child", *sys.argv[1:]], is_open, settings().jobs)


def session() -> str:
    """The name of the session whose page runs."""
    context = get_script_run_ctx()
    return "" if context is None else context.session_id


def is_open(session: str) -> bool:
    """Whether a browser shows this session; without a server, as in a test of a page, it is taken for granted."""
    return not runtime.exists() or runtime.get_instance().is_active_session(session)
