"""What is moved by hand in a notebook; a page of the dashboard shows the same by the same script."""
