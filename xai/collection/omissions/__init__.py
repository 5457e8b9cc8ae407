"""What a generator does not draw: kinds of posters, posters, and parts of one poster."""
