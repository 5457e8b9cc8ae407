"""Answers of gan and xai, computed once and kept in Streamlit's caches."""
