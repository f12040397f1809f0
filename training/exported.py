"""What is called how in the ONNX file of a network: training.exporting writes it, and training.asking reads it."""

PICTURES, LOGITS, FEATURES = "pictures", "logits", "features"
BETWEEN = "after."  # what begins the name of a layer's output; the layer's own name follows
