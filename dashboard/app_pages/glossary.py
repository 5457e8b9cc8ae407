"""Glossary: the words of this field in two plain sentences each, with the page on which each is seen at work."""

import streamlit as st

from dashboard import glossary
from dashboard.pages import PAGES
from dashboard.text import plain

words = st.text_input(
    "Search the words and what is said of them", key="word", bind="query-params", placeholder="logit", width=420
)
found = glossary.search(words)
if not found:
    st.caption("No term has all of these words in it.")
with st.container(key="glossary", horizontal=True, gap="large"):
    for term in found:
        with st.container(width=410):
            st.header(plain(term.name), anchor=term.anchor)
            st.markdown(term.sentences)
            if term.page:
                st.page_link(PAGES[term.page].path, label=f"Seen on the page {PAGES[term.page].title}")
