"""The training loop: `fit`, its steps, batches, monitoring and evaluation."""
