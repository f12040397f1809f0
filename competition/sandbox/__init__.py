"""Networks that are handed in, asked in a process that has the pictures and nothing else. See decision 24."""
