"""The networks outside Python: as ONNX files, and as a page that runs in any browser."""
