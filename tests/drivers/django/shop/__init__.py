"""The application whose migrations and queries the script runs."""
