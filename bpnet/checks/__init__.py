"""What `bpnet check` looks for in a table before anything trains."""
