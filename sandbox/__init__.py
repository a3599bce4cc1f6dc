"""Re-runs a trace's tests in a clean, closed container and says whether the bug is fixed."""
