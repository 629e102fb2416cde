"""Stories of one subject each; run.py finds them."""
