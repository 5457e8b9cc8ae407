"""Attribution methods that use gradients or DeepLIFT's multipliers, one file a method."""
