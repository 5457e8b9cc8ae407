"""In which ways D says fake, or real: where its verdicts come from, over thousands of posters."""
