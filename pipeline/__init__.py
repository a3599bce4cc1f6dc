"""The shared kernel: everything two services need, and nothing only one of them does."""
