"""Programs that run inside the container, beside the code under test; never imported outside of it."""
