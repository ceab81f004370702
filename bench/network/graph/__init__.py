"""Graph: any module that takes images and gives logits, as operations, the tensors between them, and stages."""
