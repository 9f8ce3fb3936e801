"""Child processes in which circuits can do no harm, and how one talks to them."""
