"""`python -m pipeline.cli`: the same as the console command `pr-telemetry`."""

from pipeline.cli import main

if __name__ == "__main__":
    main()
