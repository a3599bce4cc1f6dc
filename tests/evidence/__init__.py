"""What the sandbox says of real changes: adjacent releases of published packages, and the example stories."""
