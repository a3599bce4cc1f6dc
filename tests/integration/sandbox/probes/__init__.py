"""What hostile code tries, as programs that run inside a container: the standard library and nothing of ours."""
