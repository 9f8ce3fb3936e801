"""The commands of ``quws``, one file for each group."""
