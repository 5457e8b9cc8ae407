"""Parts of pages, by theme."""
