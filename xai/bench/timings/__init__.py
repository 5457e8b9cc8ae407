"""How long jobs take: ours beside those of captum, shap, lime, Quantus and the tutorial's loop."""
