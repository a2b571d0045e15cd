"""BigQuery for Jenkins builds: tables brought to their definition, builds put on record exactly once."""

__version__ = "0.1.0"
