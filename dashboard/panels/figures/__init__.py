"""What a page shows as figures: exported, pinned, added to the report."""
