"""What the dashboard's pages cost in a real browser, and the pictures of them that the documentation shows."""
