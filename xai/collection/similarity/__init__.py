"""Which posters of a collection are alike: to D, in looks, in what they are about."""
