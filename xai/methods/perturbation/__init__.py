"""Attribution methods that mask parts of a poster, one file a method, and the masks and segments they share."""
