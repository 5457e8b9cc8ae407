"""Training: begin with :mod:`gan.training.tutorial`, the textbook's loop; :mod:`gan.training.loop` is the real one."""
