"""Where jobs run: workers, their child processes, and the sweeps."""
