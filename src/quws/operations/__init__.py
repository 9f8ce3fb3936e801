"""What an operator does by hand: look, back up, restore, keep the list of targets."""
