"""Explanations of many posters as files: the job, the archive, one page that opens without a network."""
