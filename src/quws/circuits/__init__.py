"""Reading circuits that strangers send: lexical guard, operation count, parsing."""
