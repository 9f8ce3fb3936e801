"""All SQL, one file for each aggregate."""
