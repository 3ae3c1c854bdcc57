"""What ``pixelmend restore`` does once it knows what is asked: one picture, or many."""
