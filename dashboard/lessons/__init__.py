"""Lessons that open the real pages: the Markdown files here, what reads them, checks answers, and keeps progress."""
