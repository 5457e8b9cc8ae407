"""Jobs that take more than some seconds: one queue for all sessions, and a process of its own for each job."""
