"""Jobs in SQL, a module for each thing that is done with them: JobStore names them all."""
