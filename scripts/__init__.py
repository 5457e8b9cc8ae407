"""The commands of PosterLens: installed as the package ``posterlens``, and scripts of their own in a checkout."""
