"""The parameters of a job: one specification each, and all that follows from them.

This is the job description language of the service in the sense of UWS 1.1,
section 1.3. ``shipped`` has the list; a new parameter is an entry there.
"""
