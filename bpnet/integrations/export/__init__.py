"""Export: a trained model as a file that predicts without bpnet."""
