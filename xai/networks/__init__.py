"""What explanations stand on: networks as chains of steps, safe hooks, scores, layers, the fast generator."""
