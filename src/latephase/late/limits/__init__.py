"""What a run converges to, and the law by which it does."""
