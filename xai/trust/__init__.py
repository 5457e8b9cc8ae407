"""Whether to believe a map: checks of faithfulness and robustness, agreement of methods, the verdict."""
