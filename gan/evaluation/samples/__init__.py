"""Generated samples against real posters: how far apart, how they lie among each other, how varied, whether copies."""
