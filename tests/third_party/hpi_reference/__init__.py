"""ONNX's reference implementation as a backend of hpi-plan."""
