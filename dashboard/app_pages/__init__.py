"""One thin script a page: it asks :mod:`dashboard.cached` and lays out the answer."""
