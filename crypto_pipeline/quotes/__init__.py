"""What further sources say: their quotes, which coin is which, and the consensus of all."""
